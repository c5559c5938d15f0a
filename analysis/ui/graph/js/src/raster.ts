// Ties and members into pixels, on the CPU. No graphics card is needed:
// ties are added up as a density and become ink once, members are stamped from small masks. Pixels are opaque, 0xAABBGGRR.
import { mix, type RGB } from "./theme";

export const pixel = ([r, g, b]: RGB): number => ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;

/** Add every `every`-th tie to the density of a w x h image: one unit for a pixel that a tie covers whole. */
export function addTies(
  density: Float32Array, w: number, h: number, xs: Float32Array, ys: Float32Array, ties: Uint32Array, every = 1,
): void {
  const [right, low] = [w - 1.001, h - 1.001];
  for (let i = 0; i < ties.length; i += 2 * every) {
    let x0 = xs[ties[i]], y0 = ys[ties[i]], x1 = xs[ties[i + 1]], y1 = ys[ties[i + 1]];
    // Liang and Barsky: the part inside the image
    const dx = x1 - x0, dy = y1 - y0;
    let from = 0, to = 1;
    if (dx > 0) { from = Math.max(from, -x0 / dx); to = Math.min(to, (right - x0) / dx); }
    else if (dx < 0) { from = Math.max(from, (right - x0) / dx); to = Math.min(to, -x0 / dx); }
    else if (x0 < 0 || x0 > right) continue;
    if (dy > 0) { from = Math.max(from, -y0 / dy); to = Math.min(to, (low - y0) / dy); }
    else if (dy < 0) { from = Math.max(from, (low - y0) / dy); to = Math.min(to, -y0 / dy); }
    else if (y0 < 0 || y0 > low) continue;
    if (from >= to) continue;
    [x0, y0, x1, y1] = [x0 + from * dx, y0 + from * dy, x0 + to * dx, y0 + to * dy];
    const wide = Math.abs(dx) >= Math.abs(dy);
    if (wide ? x0 > x1 : y0 > y1) [x0, y0, x1, y1] = [x1, y1, x0, y0];
    const [start, end] = wide ? [Math.ceil(x0), Math.floor(x1)] : [Math.ceil(y0), Math.floor(y1)];
    const slope = wide ? (y1 - y0) / (x1 - x0 || 1) : (x1 - x0) / (y1 - y0 || 1);
    let minor = wide ? y0 + slope * (start - x0) : x0 + slope * (start - y0);
    const limit = wide ? low : right;
    for (let major = start; major <= end; major++, minor += slope) {
      const held = minor < 0 ? 0 : minor > limit ? limit : minor;
      const whole = held | 0, part = held - whole;
      const o = wide ? whole * w + major : major * w + whole;
      density[o] += 1 - part;
      density[o + (wide ? w : 1)] += part;
    }
  }
}

/** Lay the density over pixels as ink: more ties are darker, up to `most` (0 .. 1), and never a blot. */
export function ink(pixels: Uint32Array, density: Float32Array, colour: RGB, strength: number, most: number): void {
  const levels = 512, top = 6 / strength;
  const table = new Uint16Array(levels + 1);
  for (let i = 0; i <= levels; i++) table[i] = Math.round(256 * most * (1 - Math.exp((-i / levels) * top * strength)));
  const source = pixel(colour), perUnit = levels / top;
  for (let i = 0; i < pixels.length; i++) {
    const d = density[i];
    if (d > 0) pixels[i] = over(pixels[i], source, table[d >= top ? levels : (d * perUnit) | 0]);
  }
}

/** `source` over `under` at alpha 0 .. 256, both opaque; red and blue in one multiplication. */
function over(under: number, source: number, alpha: number): number {
  const rb = under & 0xff00ff, g = under & 0xff00;
  const red = (rb + (Math.imul((source & 0xff00ff) - rb, alpha) >>> 8)) & 0xff00ff;
  const green = (g + (Math.imul((source & 0xff00) - g, alpha) >> 8)) & 0xff00;
  return (0xff000000 | red | green) >>> 0;
}

/** A member as it is drawn: a disc with a ring. */
export interface Look {
  radius: number;
  fill: RGB;
  ring: RGB;
  ringWidth: number;
}

export interface Sprite {
  half: number;
  size: number;
  colours: Uint32Array;
  alphas: Uint16Array;
}

/** An antialiased stamp of a look, in device pixels. */
export function sprite({ radius, fill, ring, ringWidth }: Look): Sprite {
  const outer = radius + ringWidth;
  const half = Math.ceil(outer + 0.5), size = 2 * half + 1;
  const made = { half, size, colours: new Uint32Array(size * size), alphas: new Uint16Array(size * size) };
  for (let i = 0; i < size * size; i++) {
    const d = Math.hypot((i % size) - half, Math.floor(i / size) - half);
    const cover = Math.min(1, Math.max(0, outer - d + 0.5));
    const inside = Math.min(1, Math.max(0, radius - d + 0.5));
    made.alphas[i] = Math.round(256 * cover * Math.min(1, outer * 1.4));
    made.colours[i] = pixel(mix(ring, fill, cover ? Math.min(1, inside / cover) : 0));
  }
  return made;
}

/** Stamp a sprite with its middle at (x, y); what lies outside the image is cut. */
export function stamp(pixels: Uint32Array, w: number, h: number, made: Sprite, x: number, y: number): void {
  const { half, size, colours, alphas } = made;
  const left = Math.round(x) - half, top = Math.round(y) - half;
  const x0 = Math.max(0, -left), x1 = Math.min(size, w - left);
  const y0 = Math.max(0, -top), y1 = Math.min(size, h - top);
  for (let sy = y0; sy < y1; sy++) {
    let s = sy * size + x0, o = (top + sy) * w + left + x0;
    for (let sx = x0; sx < x1; sx++, s++, o++) {
      const alpha = alphas[s];
      if (alpha === 256) pixels[o] = colours[s];
      else if (alpha) pixels[o] = over(pixels[o], colours[s], alpha);
    }
  }
}
