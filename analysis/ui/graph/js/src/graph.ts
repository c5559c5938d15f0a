// The graph as the traits give it: places, ties, communities; who is near a point, who is tied to whom.
import { BadData, bytes, floats, shorts, words } from "./buffers";
import { NO_COMMUNITY } from "./types";

const CELLS = 64;

/** How much larger than others a member of this step of size is drawn. */
export const factor = (step: number): number => 0.7 * 1.2 ** Math.min(7, step);

function descending(steps: Uint8Array): Uint32Array {
  const starts = new Uint32Array(257);
  for (const step of steps) starts[256 - step]++;
  for (let k = 1; k < 257; k++) starts[k] += starts[k - 1];
  const order = new Uint32Array(steps.length);
  steps.forEach((step, row) => (order[starts[255 - step]++] = row));
  return order;
}

export class Graph {
  readonly n: number;
  readonly places: Float32Array;
  readonly ties: Uint32Array;
  /** 1 for a tie that runs from its first end to its second alone; null where no tie does. */
  readonly oneWay: Uint8Array | null;
  readonly communities: Uint16Array | null;
  /** Steps of size, 0 .. 7; see `factor`. */
  readonly sizes: Uint8Array | null;
  /** Rows with the large first, so that the small lie on top; null where all are of one size. */
  readonly order: Uint32Array | null;
  private grid: { starts: Uint32Array; rows: Uint32Array } | null = null;
  private links: { starts: Uint32Array; ends: Uint32Array } | null = null;

  constructor(places: unknown, ties: unknown, communities: unknown, sizes: unknown = null, oneWay: unknown = null) {
    this.places = floats(places as DataView, "places");
    this.ties = words(ties as DataView, "ties");
    if (this.places.length % 2 || this.ties.length % 2) throw new BadData("places and ties are pairs");
    this.n = this.places.length / 2;
    for (const row of this.ties) if (row >= this.n) throw new BadData(`a tie names member ${row} of ${this.n}`);
    const ways = bytes(oneWay as DataView);
    if (ways.length && 2 * ways.length !== this.ties.length)
      throw new BadData(`one_way holds ${ways.length} ties of ${this.ties.length / 2}`);
    this.oneWay = ways.length ? ways : null;
    const groups = shorts(communities as DataView, "communities");
    if (groups.length && groups.length !== this.n)
      throw new BadData(`communities holds ${groups.length} members of ${this.n}`);
    this.communities = groups.length ? groups : null;
    const steps = bytes(sizes as DataView);
    if (steps.length && steps.length !== this.n) throw new BadData(`sizes holds ${steps.length} members of ${this.n}`);
    this.sizes = steps.length ? steps : null;
    this.order = this.sizes && descending(this.sizes);
  }

  /** The member nearest to a place within `reach`, or -1. */
  near(x: number, y: number, reach: number): number {
    const { starts, rows } = (this.grid ??= this.index());
    const [left, right] = [cell(x - reach), cell(x + reach)];
    const [low, high] = [cell(y - reach), cell(y + reach)];
    let [found, best] = [-1, reach * reach];
    for (let cy = low; cy <= high; cy++)
      for (let cx = left; cx <= right; cx++) {
        const at = cy * CELLS + cx;
        for (let k = starts[at]; k < starts[at + 1]; k++) {
          const row = rows[k];
          const d = (this.places[2 * row] - x) ** 2 + (this.places[2 * row + 1] - y) ** 2;
          if (d <= best) [found, best] = [row, d];
        }
      }
    return found;
  }

  /** The nearest member in a direction (unit steps, y up), within 45 degrees of it; -1 where there is none. */
  toward(from: number, dx: number, dy: number): number {
    const [x, y] = [this.places[2 * from], this.places[2 * from + 1]];
    let [found, best] = [-1, Infinity];
    for (let row = 0; row < this.n; row++) {
      const [rx, ry] = [this.places[2 * row] - x, this.places[2 * row + 1] - y];
      const along = rx * dx + ry * dy;
      const aside = Math.abs(rx * dy) + Math.abs(ry * dx);
      if (row === from || along <= 0 || aside > along) continue;
      const d = along + 2 * aside;
      if (d < best) [found, best] = [row, d];
    }
    return found;
  }

  /** The other ends of a member's ties that are shown. */
  neighbours(row: number): Uint32Array {
    const { starts, ends } = (this.links ??= this.link());
    return ends.subarray(starts[row], starts[row + 1]);
  }

  /** Of a member's ties that are shown: how many lead from it alone, and to it alone. */
  oneWayOf(row: number): [number, number] {
    let [from, to] = [0, 0];
    this.oneWay?.forEach((alone, i) => {
      if (alone && this.ties[2 * i] === row) from++;
      if (alone && this.ties[2 * i + 1] === row) to++;
    });
    return [from, to];
  }

  private index() {
    const starts = new Uint32Array(CELLS * CELLS + 1);
    const rows = new Uint32Array(this.n);
    const at = new Uint32Array(this.n);
    for (let i = 0; i < this.n; i++) {
      at[i] = cell(this.places[2 * i + 1]) * CELLS + cell(this.places[2 * i]);
      starts[at[i] + 1]++;
    }
    for (let i = 0; i < CELLS * CELLS; i++) starts[i + 1] += starts[i];
    const next = starts.slice();
    for (let i = 0; i < this.n; i++) rows[next[at[i]]++] = i;
    return { starts, rows };
  }

  private link() {
    const starts = new Uint32Array(this.n + 1);
    for (const row of this.ties) starts[row + 1]++;
    for (let i = 0; i < this.n; i++) starts[i + 1] += starts[i];
    const ends = new Uint32Array(this.ties.length);
    const next = starts.slice();
    for (let i = 0; i < this.ties.length; i += 2) {
      ends[next[this.ties[i]]++] = this.ties[i + 1];
      ends[next[this.ties[i + 1]]++] = this.ties[i];
    }
    return { starts, ends };
  }
}

const cell = (v: number): number => Math.min(CELLS - 1, Math.max(0, Math.floor(((v + 1) / 2) * CELLS)));

export interface Hull {
  community: number;
  size: number;
  /** x, y of its corners, in order. */
  corners: Float32Array;
}

/** Outlines of the largest communities, each around the nine tenths of its members nearest to its middle. */
export function hulls(graph: Graph, most = 12): Hull[] {
  if (!graph.communities) return [];
  const members = new Map<number, number[]>();
  graph.communities.forEach((community, row) => {
    if (community === NO_COMMUNITY) return;
    const known = members.get(community);
    if (known) known.push(row);
    else members.set(community, [row]);
  });
  return [...members]
    .filter(([, rows]) => rows.length >= 3)
    .sort((a, b) => b[1].length - a[1].length || a[0] - b[0])
    .slice(0, most)
    .map(([community, rows]) => ({ community, size: rows.length, corners: hull(core(rows, graph.places)) }));
}

function core(rows: number[], places: Float32Array): [number, number][] {
  const points = rows.map((row): [number, number] => [places[2 * row], places[2 * row + 1]]);
  const middle = [0, 1].map((axis) => points.map((p) => p[axis]).sort((a, b) => a - b)[points.length >> 1]);
  const far = (p: [number, number]) => (p[0] - middle[0]) ** 2 + (p[1] - middle[1]) ** 2;
  return points.sort((a, b) => far(a) - far(b)).slice(0, Math.max(3, Math.ceil(points.length * 0.9)));
}

/** Convex hull (monotone chain). */
function hull(points: [number, number][]): Float32Array {
  points.sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  const half = (from: [number, number][]) => {
    const kept: [number, number][] = [];
    for (const p of from) {
      while (kept.length > 1 && turn(kept[kept.length - 2], kept[kept.length - 1], p) <= 0) kept.pop();
      kept.push(p);
    }
    kept.pop();
    return kept;
  };
  return Float32Array.from([...half(points), ...half(points.slice().reverse())].flat());
}

const turn = (o: number[], a: number[], b: number[]): number =>
  (a[0] - o[0]) * (b[1] - o[1]) - (a[1] - o[1]) * (b[0] - o[0]);
