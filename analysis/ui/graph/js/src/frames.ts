// The frames of a run as they came: whole at first, then in pieces while the run is followed. Knows nothing of drawing.
import { BadData, bytes } from "./buffers";
import type { Frame, Mark } from "./types";

export class Frames {
  readonly labels: Frame[] = [];
  marks: Mark[];
  private readonly fills: Uint8Array[] = [];
  private readonly outlines: (Uint8Array | null)[] = [];
  private counted = { t: -1, size: 0, totals: new Uint32Array(0) };

  constructor(private readonly n: number, fills: unknown, outlines: unknown, labels: Frame[], marks: Mark[]) {
    this.marks = marks;
    this.append(fills, outlines, labels);
  }

  get total(): number {
    return this.labels.length;
  }

  /** Add frames at the end; earlier ones stay as they are. */
  append(fills: unknown, outlines: unknown, labels: Frame[]): void {
    const colours = bytes(fills as DataView);
    const rings = bytes(outlines as DataView);
    const needed = labels.length * this.n;
    const said = `${labels.length} frames of ${this.n} members need ${needed}`;
    if (colours.length !== needed) throw new BadData(`fills holds ${colours.length} bytes, ${said}`);
    if (rings.length && rings.length !== needed) throw new BadData(`outlines holds ${rings.length} bytes, ${said}`);
    labels.forEach((label, i) => {
      const [from, to] = [i * this.n, (i + 1) * this.n];
      this.labels.push(label);
      this.fills.push(colours.subarray(from, to));
      this.outlines.push(rings.length ? rings.subarray(from, to) : null);
    });
  }

  fill(t: number): Uint8Array | null {
    return this.fills[t] ?? null;
  }

  outline(t: number): Uint8Array | null {
    return this.outlines[t] ?? null;
  }

  /** How many members have each fill (the first `size`), then each of the three outlines, at frame t. */
  counts(t: number, size: number): Uint32Array {
    if (this.counted.t === t && this.counted.size === size) return this.counted.totals;
    const totals = new Uint32Array(size + 3);
    const fill = this.fill(t);
    const outline = this.outline(t);
    if (fill) for (let i = 0; i < this.n; i++) if (fill[i] < size) totals[fill[i]]++;
    if (outline) for (let i = 0; i < this.n; i++) if (outline[i] < 3) totals[size + outline[i]]++;
    this.counted = { t, size, totals };
    return totals;
  }
}

/** Where a frame stands, in words. */
export function place(frame: Frame | undefined): string {
  if (!frame) return "";
  const said: string[] = [];
  if (frame.label) said.push(frame.label);
  if (frame.epoch != null) said.push(`epoch ${frame.epoch}`);
  if (frame.phase) said.push(frame.phase);
  if (frame.arm) said.push(`arm ${frame.arm}`);
  if (frame.round != null) said.push(`round ${frame.round}`);
  if (!said.length && frame.step != null) said.push(`step ${frame.step}`);
  const text = said.join(" · ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
