// What there is to draw, and how a member looks; both renderers draw this.
import type { Camera } from "./camera";
import { factor, type Graph, type Hull } from "./graph";
import type { Look } from "./raster";
import { mix, rgb, type RGB, type Theme } from "./theme";
import { ENGAGED, EXPOSED } from "./types";

export interface Scene {
  graph: Graph;
  camera: Camera;
  theme: Theme;
  colours: string[];
  fill: Uint8Array | null;
  outline: Uint8Array | null;
  /** Only this palette entry at full strength; -1 for all. */
  only: number;
  hulls: Hull[];
  /** Triples: from, to, and the frame from which on the arrow is there; `t` is the frame shown. */
  arrows: Uint32Array;
  t: number;
  names: string[];
  /** A gesture is under way: less detail, more speed. */
  moving: boolean;
}

export interface Renderer {
  readonly kind: "canvas" | "webgl";
  /** Draw; `view` says that more changed than the frame (camera, size, theme, graph). */
  draw(scene: Scene, view: boolean): void;
  destroy(): void;
}

/** Radius of a member in CSS pixels: by the room there is, growing slower than the zoom. */
export function radius({ graph, camera }: Scene): number {
  const side = Math.min(camera.width, camera.height);
  const room = 0.3 * Math.sqrt((side * side) / Math.max(1, graph.n));
  return Math.min(14, Math.min(8, Math.max(0.8, room)) * Math.max(0.8, camera.zoom ** 0.6));
}

/** Radius of one member, by its step of size. */
export function radiusOf(scene: Scene, row: number, size = radius(scene)): number {
  const { sizes } = scene.graph;
  return sizes ? size * factor(sizes[row]) : size;
}

export const NEUTRAL: RGB = [138, 147, 156];

/** How a member with this fill and outline looks. Below 2.5 pixels a ring cannot be seen, so that size stands in for it. */
export function look(scene: Scene, fill: number, outline: number, size: number): Look {
  const { theme, colours, only } = scene;
  const ground = rgb(theme.ground);
  const colour = colours[fill] ? rgb(colours[fill]) : NEUTRAL;
  if (only >= 0 && only !== fill)
    return { radius: size * 0.85, fill: mix(colour, ground, 0.8), ring: ground, ringWidth: 0 };
  const plain = !scene.outline;
  if (size < 1.5 && outline === ENGAGED)
    return { radius: size * 1.5, fill: mix(colour, rgb(theme.ink), 0.35), ring: ground, ringWidth: 0 };
  if (size < 2.5) {
    if (outline === ENGAGED) return { radius: size * 1.3, fill: colour, ring: rgb(theme.ink), ringWidth: 0.9 };
    return { radius: plain || outline === EXPOSED ? size : size * 0.7, fill: colour, ring: ground, ringWidth: 0 };
  }
  if (outline === ENGAGED) return { radius: size, fill: colour, ring: rgb(theme.ink), ringWidth: Math.max(1, size * 0.15) };
  if (outline === EXPOSED) return { radius: size, fill: colour, ring: rgb(theme.soft), ringWidth: Math.max(0.6, size * 0.08) };
  return { radius: plain ? size : size * 0.85, fill: colour, ring: ground, ringWidth: 0.6 };
}
