// The smaller parts of the surface: the tool buttons, the card of the selected member, the tooltip, the list of keys.
import { button, count, el, ICONS } from "./dom";

export interface Told {
  name: string;
  row: number;
  fill: string;
  colour: string;
  outline: string;
  /** What outlines are called. */
  outlines: string;
  ties: number;
  /** Of these, ties that lead from it alone and to it alone; null where ties have no direction. */
  oneWay: [number, number] | null;
  community: string;
}

function facts({ row, outline, outlines, ties, oneWay, community }: Told): HTMLElement {
  const list = el("dl", {});
  const add = (term: string, value: string) => value && list.append(el("dt", { title: term }, term), el("dd", { title: value }, value));
  add("Number", count(row));
  add(outlines, outline);
  add("Ties shown", count(ties));
  if (oneWay) add("One way", `${count(oneWay[0])} from it, ${count(oneWay[1])} to it`);
  add("Community", community);
  return list;
}

function chosen({ fill, colour }: Told): HTMLElement {
  const dot = el("span", { class: "md-dot" });
  dot.style.background = colour;
  return el("p", { class: "md-chosen" }, dot, el("span", {}, fill));
}

export class Card {
  readonly element = el("div", { class: "md-card", hidden: "" });
  private shown = "";

  constructor(private readonly closed: () => void) {}

  show(told: Told | null): void {
    this.element.hidden = !told;
    const signed = JSON.stringify(told);
    if (!told || signed === this.shown) return;
    this.shown = signed;
    const name = el("h3", { title: told.name }, told.name);
    const close = button("Clear the selection (Escape)", ICONS.close, this.closed, false);
    this.element.replaceChildren(el("div", { class: "md-cardhead" }, name, close), chosen(told), facts(told));
  }
}

export class Tip {
  readonly element = el("div", { class: "md-tip", role: "tooltip", hidden: "" });

  show(told: Told | null, x = 0, y = 0, width = 0, height = 0): void {
    this.element.hidden = !told;
    if (!told) return;
    this.element.replaceChildren(el("strong", {}, told.name), chosen(told));
    if (told.outline) this.element.append(el("div", { class: "md-faint md-two" }, told.outline));
    const right = x > width / 2;
    this.element.style.left = right ? "auto" : `${x + 14}px`;
    this.element.style.right = right ? `${width - x + 14}px` : "auto";
    this.element.style.top = `${Math.max(4, Math.min(y - 12, height - this.element.offsetHeight - 4))}px`;
  }
}

const KEYS = [
  ["Space", "play, pause"],
  ["← →", "one frame back, on"],
  ["Home, End", "first, last frame"],
  ["[ ]", "mark before, after"],
  ["+ − 0", "zoom in, out, fit"],
  ["Shift + arrows", "move the view"],
  ["Enter", "step into the graph; then arrows walk"],
  ["C", "communities"],
  ["Escape", "leave, clear"],
  ["Click, then wheel", "zoom"],
];

export function help(id: string): HTMLElement {
  const rows = KEYS.map(([keys, does]) => [el("dt", {}, keys), el("dd", {}, does)]).flat();
  return el("div", { class: "md-help", id, hidden: "" }, el("h3", {}, "Keys"), el("dl", {}, ...rows));
}

export interface Tools {
  element: HTMLElement;
  groups: HTMLButtonElement;
}

export function tools(acts: { zoom(by: number): void; fit(): void; groups(): void; help(): void }): Tools {
  const groups = button("Communities (C)", ICONS.groups, acts.groups, false);
  const element = el(
    "div",
    { class: "md-tools", role: "toolbar", "aria-label": "View" },
    button("Zoom in (+)", ICONS.plus, () => acts.zoom(1.4), false),
    button("Zoom out (−)", ICONS.minus, () => acts.zoom(1 / 1.4), false),
    button("Fit the graph (0)", ICONS.fit, acts.fit, false),
    groups,
    button("Keys (?)", ICONS.help, acts.help, false),
  );
  return { element, groups };
}

export function finder(search: (text: string) => void): { element: HTMLElement; answer(found: boolean): void } {
  const input = el("input", { type: "search", placeholder: "Find a member", "aria-label": "Find a member by name or number", autocomplete: "off", spellcheck: "false" });
  const said = el("span", { class: "md-faint", role: "status" });
  // no form: JupyterLab keeps Enter from submitting one
  const element = el("div", { class: "md-find", role: "search" }, input, said);
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter") search(input.value);
  });
  input.addEventListener("input", () => (said.textContent = ""));
  return { element, answer: (found) => (said.textContent = found || !input.value ? "" : "Nobody found") };
}
