// Colours of the surface in light and dark, and which of them a page asks for.
import type { Swatch } from "./types";

export interface Theme {
  dark: boolean;
  ground: string;
  ink: string;
  soft: string;
  tie: string;
  accent: string;
  tints: string[];
}

const TINTS_LIGHT = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#8a6d00", "#56b4e9"];
const TINTS_DARK = ["#56b4e9", "#e8843c", "#2fc39a", "#e29bc3", "#e6c84a", "#8fb8ff"];

export const LIGHT: Theme = {
  dark: false,
  ground: "#fbfcfd",
  ink: "#14181d",
  soft: "#5d6874",
  tie: "#5c6b7a",
  accent: "#0b57d0",
  tints: TINTS_LIGHT,
};
export const DARK: Theme = {
  dark: true,
  ground: "#0f1318",
  ink: "#ffffff",
  soft: "#a3afbb",
  tie: "#93a4b5",
  accent: "#8ab8ff",
  tints: TINTS_DARK,
};

/** What the host says about itself: Jupyter, Vuetify (Solara), marimo and pages with a class or data-theme. */
function hosted(root: Element): boolean | null {
  const jupyter = document.body.getAttribute("data-jp-theme-light");
  if (jupyter) return jupyter === "false";
  for (let at: Element | null = root; at; at = at.parentElement ?? shadowHost(at)) {
    const said = at.getAttribute("data-theme");
    if (at.classList.contains("theme--dark") || at.classList.contains("dark") || said === "dark") return true;
    if (at.classList.contains("theme--light") || at.classList.contains("light") || said === "light") return false;
  }
  return null;
}

function shadowHost(at: Element): Element | null {
  const top = at.getRootNode();
  return top instanceof ShadowRoot ? top.host : null;
}

/** Calls back with the theme now and whenever the page or the system changes it; returns how to stop. */
export function watchTheme(root: Element, asked: () => string, changed: (theme: Theme) => void): { again(): void; stop(): void } {
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  let shown: boolean | null = null;
  const again = () => {
    const want = asked();
    const dark = want === "dark" || (want !== "light" && (hosted(root.parentElement ?? root) ?? system.matches));
    if (dark === shown) return;
    shown = dark;
    changed(dark ? DARK : LIGHT);
  };
  const observer = new MutationObserver(again);
  for (const at of [document.documentElement, document.body])
    observer.observe(at, { attributes: true, attributeFilter: ["class", "data-theme", "data-jp-theme-light"] });
  const app = root.closest(".v-application");
  if (app) observer.observe(app, { attributes: true, attributeFilter: ["class"] });
  system.addEventListener("change", again);
  again();
  return {
    again,
    stop() {
      observer.disconnect();
      system.removeEventListener("change", again);
    },
  };
}

export type RGB = [number, number, number];

/** Parts of `#rrggbb`; grey for anything else. */
export function rgb(hex: string): RGB {
  const found = /^#([0-9a-f]{6})$/i.exec(hex);
  const value = found ? parseInt(found[1], 16) : 0x8a939c;
  return [value >> 16, (value >> 8) & 255, value & 255];
}

/** A colour between two: 0 is all of the first. */
export function mix(a: RGB, b: RGB, share: number): RGB {
  return [0, 1, 2].map((i) => Math.round(a[i] + (b[i] - a[i]) * share)) as RGB;
}

export const colours = (palette: Swatch[], theme: Theme): string[] =>
  palette.map((entry) => ((theme.dark ? entry.dark : entry.light) || "").replace(/^(?!#[0-9a-f]{6}$).*$/i, "#8a939c"));
