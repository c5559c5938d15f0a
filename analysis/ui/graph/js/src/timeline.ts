// The time slider and the marks over it. A native range input holds the position, so that keys and screen readers know it.
import { el } from "./dom";
import { place, type Frames } from "./frames";
import type { Mark } from "./types";

const SVG = "http://www.w3.org/2000/svg";

/** Kind -> path in a box of 12 x 12; anything else is a dot. Shapes differ, so that colour is not needed. */
const GLYPHS: Record<string, string> = {
  epoch: "M5.25 0h1.5v12h-1.5z",
  training: "M6 1l5 5-5 5-5-5z",
  probe: "M6 1.500l5 9H1z",
  fork: "M5 12V7.500L1.200 3.700l1.100-1.100L6 6.200l3.700-3.600 1.100 1.100L7 7.500V12z",
  difference: "M1 3.200h10v1.700H1zM1 7.100h10v1.700H1zM7.300.8l1.500.7-4.100 9.700-1.500-.7z",
};
const DOT = "M6 2.500a3.500 3.500 0 1 1 0 7 3.500 3.500 0 0 1 0-7z";
const ORDER = ["difference", "fork", "probe", "training", "epoch"];

function glyph(kind: string): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 12 12");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", Object.hasOwn(GLYPHS, kind) ? GLYPHS[kind] : DOT);
  svg.append(path);
  return svg;
}

export class Timeline {
  readonly element: HTMLElement;
  readonly key = el("span", { class: "md-key" });
  private readonly slider = el("input", { type: "range", class: "md-slider", min: "0", step: "1", "aria-label": "Frame" });
  private readonly lane = el("div", { class: "md-lane" });
  private readonly tip = el("div", { class: "md-marktip", hidden: "" });
  private shown = "";

  constructor(private readonly moved: (t: number) => void) {
    this.element = el("div", { class: "md-timeline" }, this.lane, this.slider, this.tip);
    this.slider.addEventListener("input", () => this.moved(Number(this.slider.value)));
  }

  update(frames: Frames, t: number): void {
    const last = Math.max(0, frames.total - 1);
    if (this.slider.max !== String(last)) this.slider.max = String(last);
    this.slider.disabled = frames.total < 2;
    if (this.slider.value !== String(t)) this.slider.value = String(t);
    this.slider.style.setProperty("--md-part", `${last ? (100 * t) / last : 0}%`);
    this.slider.setAttribute("aria-valuetext", `${t + 1} of ${frames.total}: ${place(frames.labels[t])}`);
    const signed = `${frames.total}:${frames.marks.length}`;
    if (signed !== this.shown) this.drawMarks(frames.marks, last);
    this.shown = signed;
  }

  /** Draw the marks again at the next update. */
  forget(): void {
    this.shown = "";
  }

  private drawMarks(marks: Mark[], last: number): void {
    const at = new Map<number, Mark[]>();
    for (const mark of marks) {
      if (!(mark.t >= 0 && mark.t <= last)) continue;
      const known = at.get(mark.t);
      if (known) known.push(mark);
      else at.set(mark.t, [mark]);
    }
    this.lane.replaceChildren(...[...at].map(([t, here]) => this.mark(t, here, last)));
    const kinds = [...new Set([...at.values()].flat().map((mark) => mark.kind))];
    this.key.replaceChildren(...kinds.map((kind) => el("span", { class: "md-keyed" }, glyph(kind), kind)));
  }

  private mark(t: number, here: Mark[], last: number): HTMLElement {
    here.sort((a, b) => ORDER.indexOf(b.kind) - ORDER.indexOf(a.kind));
    const said = here.map((mark) => mark.label || mark.kind);
    const made = el("button", { type: "button", class: "md-mark", tabindex: "-1", "aria-label": `Frame ${t + 1}: ${said.join("; ")}` });
    // what is rarer lies on top; an epoch's line may stand behind another glyph
    const kinds = [...new Set(here.map((mark) => mark.kind))].sort((a, b) => ORDER.indexOf(b) - ORDER.indexOf(a));
    made.append(...kinds.map(glyph));
    made.style.left = `${last ? (100 * t) / last : 0}%`;
    made.addEventListener("click", () => this.moved(t));
    const show = () => {
      this.tip.replaceChildren(...said.slice(0, 8).map((line) => el("div", {}, line)));
      if (said.length > 8) this.tip.append(el("div", {}, `and ${said.length - 8} more`));
      this.tip.style.setProperty("--md-at", String(last ? t / last : 0));
      this.tip.hidden = false;
    };
    made.addEventListener("pointerenter", show);
    made.addEventListener("pointerleave", () => (this.tip.hidden = true));
    return made;
  }
}

/** The nearest marked frame before or after t; t itself where there is none. */
export function nextMark(marks: Mark[], t: number, way: 1 | -1, last: number): number {
  const beyond = marks.map((mark) => mark.t).filter((at) => at >= 0 && at <= last && (at - t) * way > 0);
  return beyond.length ? (way > 0 ? Math.min(...beyond) : Math.max(...beyond)) : t;
}
