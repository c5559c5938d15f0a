// Pointer, wheel, touch and keys on the stage, as wishes; knows nothing of what they do.

export interface Acts {
  pan(dx: number, dy: number): void;
  zoom(factor: number, x?: number, y?: number): void;
  fit(): void;
  /** Nothing is pressed any more: draw in full. */
  rest(): void;
  hover(x: number, y: number): void;
  leave(): void;
  click(x: number, y: number): void;
  step(by: number): void;
  go(t: number): void;
  mark(way: 1 | -1): void;
  toggle(): void;
  /** Enter the graph by keyboard. */
  enter(): void;
  /** Walk to the nearest member in a direction; false where nobody walks. */
  walk(dx: number, dy: number): boolean;
  escape(): void;
  help(): void;
  groups(): void;
}

const MOVED = 4;
const PAN = 60;
const ARROWS: Record<string, [number, number]> = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

export function listen(stage: HTMLElement, root: HTMLElement, acts: Acts): void {
  pointers(stage, acts);
  let settled = 0;
  stage.addEventListener(
    "wheel",
    (event) => {
      // a page scrolls over the graph unless the graph was entered; pinching arrives as ctrl + wheel
      if (!event.ctrlKey && !event.metaKey && !stage.matches(":focus-within")) return;
      event.preventDefault();
      const unit = event.deltaMode === 1 ? 18 : 1;
      acts.zoom(Math.exp(-event.deltaY * unit * (event.ctrlKey ? 0.01 : 0.0018)), ...spot(stage, event));
      clearTimeout(settled);
      settled = window.setTimeout(acts.rest, 140);
    },
    { passive: false },
  );
  root.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const target = event.target as HTMLElement;
    const typing = target.matches("input:not([type=range]), select, textarea");
    if (event.key === "Escape") return used(event, acts.escape);
    if (typing) return;
    const inside = target === stage;
    if (inside && event.key in ARROWS) {
      const [dx, dy] = ARROWS[event.key];
      return used(event, () => {
        if (event.shiftKey) return panned(acts, dx, dy);
        if (acts.walk(dx, dy)) return;
        if (dx) acts.step(dx);
        else panned(acts, dx, dy);
      });
    }
    if (inside && event.key === "Enter") return used(event, acts.enter);
    const button = target.matches("button");
    if (event.key === " " && !button) return used(event, acts.toggle);
    const bound = keys(acts, target.matches("input[type=range]"))[event.key];
    if (bound) used(event, bound);
  });
}

function keys(acts: Acts, slider: boolean): Record<string, () => void> {
  const always: Record<string, () => void> = {
    "+": () => (acts.zoom(1.4), acts.rest()),
    "=": () => (acts.zoom(1.4), acts.rest()),
    "-": () => (acts.zoom(1 / 1.4), acts.rest()),
    "0": acts.fit,
    "[": () => acts.mark(-1),
    "]": () => acts.mark(1),
    "?": acts.help,
    c: acts.groups,
  };
  if (slider) return always; // it moves itself
  return { ...always, ArrowLeft: () => acts.step(-1), ArrowRight: () => acts.step(1), Home: () => acts.go(0), End: () => acts.go(Infinity) };
}

function used(event: Event, act: () => void): void {
  event.preventDefault();
  event.stopPropagation();
  act();
}

function panned(acts: Acts, dx: number, dy: number): void {
  acts.pan(-dx * PAN, dy * PAN);
  acts.rest();
}

function spot(stage: HTMLElement, event: MouseEvent): [number, number] {
  const box = stage.getBoundingClientRect();
  return [event.clientX - box.left, event.clientY - box.top];
}

function pointers(stage: HTMLElement, acts: Acts): void {
  const down = new Map<number, [number, number]>();
  let travelled = 0;
  let spread = 0;
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || (event.target as Element).closest("button, input, .md-card")) return;
    stage.setPointerCapture(event.pointerId);
    down.set(event.pointerId, spot(stage, event));
    if (down.size === 1) travelled = 0;
    spread = apart(down);
    acts.leave();
  });
  stage.addEventListener("pointermove", (event) => {
    const now = spot(stage, event);
    const before = down.get(event.pointerId);
    if (!before) {
      const over = (event.target as Element).closest("button, input, .md-card");
      return over ? acts.leave() : acts.hover(...now);
    }
    down.set(event.pointerId, now);
    const [dx, dy] = [now[0] - before[0], now[1] - before[1]];
    travelled += Math.abs(dx) + Math.abs(dy);
    if (travelled < MOVED) return;
    stage.classList.add("md-grabbing");
    if (down.size === 2) {
      const wide = apart(down);
      if (spread > 0) acts.zoom(wide / spread, ...middle(down));
      spread = wide;
    }
    acts.pan(dx / down.size, dy / down.size);
  });
  const up = (event: PointerEvent) => {
    if (!down.delete(event.pointerId)) return;
    spread = apart(down);
    if (down.size) return;
    stage.classList.remove("md-grabbing");
    if (travelled < MOVED && event.type === "pointerup") acts.click(...spot(stage, event));
    else acts.rest();
  };
  stage.addEventListener("pointerup", up);
  stage.addEventListener("pointercancel", up);
  stage.addEventListener("pointerleave", () => acts.leave());
}

function apart(down: Map<number, [number, number]>): number {
  const [a, b] = [...down.values()];
  return b ? Math.hypot(a[0] - b[0], a[1] - b[1]) : 0;
}

function middle(down: Map<number, [number, number]>): [number, number] {
  const [a, b] = [...down.values()];
  return [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
}
