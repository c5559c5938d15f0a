// What the widget's traits hold (see analysis/ui/graph/widget.py, which documents each), and what the parts hand to each other.

/** The slice of an anywidget model that is used. */
export interface Model {
  get(name: string): any;
  set(name: string, value: unknown): void;
  save_changes(): void;
  on(event: string, callback: (...given: any[]) => void): void;
  off(event: string, callback?: (...given: any[]) => void): void;
  send(content: unknown, callbacks?: unknown, buffers?: unknown): void;
}

export interface Swatch {
  label: string;
  light: string;
  dark: string;
}

/** Where in the run a frame stands; what is null is not shown. */
export interface Frame {
  step?: number | null;
  epoch?: number | null;
  phase?: string | null;
  arm?: string | null;
  round?: number | null;
  label?: string | null;
}

export interface Mark {
  t: number;
  kind: string;
  label?: string;
}

/** The ends of an ordered palette; an empty object for categories. */
export interface Ramp {
  low?: number;
  high?: number;
  label?: string;
}

export const UNEXPOSED = 0;
export const EXPOSED = 1;
export const ENGAGED = 2;
export const NO_COMMUNITY = 0xffff;
