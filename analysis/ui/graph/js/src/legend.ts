// What the colours and outlines mean, with how many members have each now. An entry is a switch that sets the others back.
import { count, el } from "./dom";
import type { Ramp } from "./types";

export interface Entry {
  label: string;
  colour: string;
}

export class Legend {
  readonly element = el("div", { class: "md-legend" });
  private counts: HTMLElement[] = [];
  private bars: HTMLElement[] = [];
  private switches: HTMLElement[] = [];
  private built = "";

  constructor(private readonly chosen: (entry: number) => void) {}

  /** Build it again where entries, titles or colours changed. */
  build(entries: Entry[], ramp: Ramp, outlines: string[], titles: [string, string]): void {
    const signed = JSON.stringify([entries, ramp, outlines, titles]);
    if (signed === this.built) return;
    this.built = signed;
    this.counts = [];
    this.bars = [];
    this.switches = [];
    const fills = ramp.low != null && ramp.high != null ? this.ramp(entries, ramp) : this.list(entries);
    const groups = [el("div", {}, el("h3", { title: titles[0] }, titles[0]), fills)];
    if (outlines.length) {
      const rows = outlines.map((label, i) => {
        const number = el("span", { class: "md-count" });
        this.counts.push(number);
        return el("li", { class: "md-entry" }, el("span", { class: `md-dot md-ring${i}` }), el("span", { class: "md-label", title: label }, label), number);
      });
      groups.push(el("div", {}, el("h3", { title: titles[1] }, titles[1]), el("ul", {}, ...rows)));
    }
    this.element.replaceChildren(...groups);
  }

  /** Totals per entry, then per outline, or null where there is no frame; `only` is the entry that is singled out, or -1. */
  update(totals: Uint32Array | null, n: number, only: number): void {
    this.switches.forEach((entry, i) => entry.setAttribute("aria-pressed", String(i === only)));
    if (!totals) return this.blank();
    const size = totals.length - 3;
    this.counts.forEach((number, i) => {
      const value = totals[this.bars.length ? size + i : i];
      number.textContent = count(value);
      number.title = n ? `${((100 * value) / n).toFixed(1)} % of ${count(n)} members` : "";
    });
    const most = Math.max(1, ...totals.subarray(0, size));
    this.bars.forEach((bar, i) => {
      bar.style.height = `${totals[i] ? Math.max(4, (100 * totals[i]) / most) : 0}%`;
      bar.parentElement!.title = `${bar.dataset.label}: ${count(totals[i])}`;
    });
  }

  private blank(): void {
    for (const number of this.counts) number.textContent = number.title = "";
    for (const bar of this.bars) bar.style.height = "0";
  }

  private list(entries: Entry[]): HTMLElement {
    return el(
      "ul",
      {},
      ...entries.map(({ label, colour }, i) => {
        const dot = el("span", { class: "md-dot" });
        dot.style.background = colour;
        const number = el("span", { class: "md-count" });
        this.counts.push(number);
        const entry = el("button", { type: "button", class: "md-entry", "aria-pressed": "false" }, dot, el("span", { class: "md-label", title: label }, label), number);
        entry.addEventListener("click", () => this.chosen(i));
        this.switches.push(entry);
        return el("li", {}, entry);
      }),
    );
  }

  /** A histogram over the ramp. */
  private ramp(entries: Entry[], { low, high }: Ramp): HTMLElement {
    const columns = entries.map(({ label, colour }) => {
      const bar = el("span", { class: "md-bar", "data-label": label });
      bar.style.background = colour;
      this.bars.push(bar);
      return el("span", { class: "md-column" }, bar);
    });
    const strip = el("span", { class: "md-strip" });
    strip.style.background = `linear-gradient(90deg, ${entries.map((entry) => entry.colour).join(", ")})`;
    const ends = el("div", { class: "md-ends" }, el("span", {}, signed(low!)), el("span", {}, signed((low! + high!) / 2)), el("span", {}, signed(high!)));
    return el("div", { class: "md-ramp", role: "img", "aria-label": "Histogram of members" }, el("div", { class: "md-bars" }, ...columns), strip, ends);
  }
}

const signed = (v: number): string => (v > 0 ? `+${v}` : v < 0 ? `−${-v}` : "0");
