// Elements without markup: whatever comes from data goes in as text nodes and attributes, never as HTML.

const SVG = "http://www.w3.org/2000/svg";

export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Record<string, string> = {},
  ...children: (Node | string)[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** An icon of 16 x 16 units from path data of ours. */
export function icon(path: string, filled = true): SVGSVGElement {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", filled ? "md-icon" : "md-icon md-line");
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

export function button(label: string, path: string, pressed: () => void, filled = true): HTMLButtonElement {
  const made = el("button", { type: "button", class: "md-button", "aria-label": label, title: label }, icon(path, filled));
  made.addEventListener("click", pressed);
  return made;
}

/** Replace a button's icon and name. */
export function relabel(made: HTMLButtonElement, label: string, path: string): void {
  if (made.getAttribute("aria-label") === label) return;
  made.setAttribute("aria-label", label);
  made.setAttribute("title", label);
  made.replaceChildren(icon(path));
}

const NUMBERS = new Intl.NumberFormat("en");
export const count = (n: number): string => NUMBERS.format(n);

export const ICONS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M3.5 2.5h3v11h-3zM9.5 2.5h3v11h-3z",
  back: "M11.5 3v10L5 8z",
  forward: "M4.5 3v10L11 8z",
  first: "M3 3h2v10H3zM13 3v10L6 8z",
  last: "M11 3h2v10h-2zM3 3v10l7-5z",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  fit: "M2.5 6V2.5H6M10 2.5h3.5V6M13.5 10v3.5H10M6 13.5H2.5V10",
  groups: "M6 9.5a3.5 3.5 0 1 1 0-7 3.5 3.5 0 0 1 0 7zM10.5 13.5a3.5 3.5 0 1 1 0-7 3.5 3.5 0 0 1 0 7z",
  help: "M5.8 6a2.2 2.2 0 1 1 3.4 1.8C8.4 8.4 8 8.800 8 9.700M8 12v.6",
  close: "M4 4l8 8M12 4l-8 8",
};
