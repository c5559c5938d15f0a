// What lies over the members and changes with the pointer: who is selected, its ties, the names of communities.
import type { Camera } from "./camera";
import { drawHulls } from "./canvas";
import { radius, radiusOf, type Scene } from "./scene";

const MOST_TIES = 400;
/** Arrows up to which each is drawn at full strength. */
const FEW_ARROWS = 80;
/** Heads of ties up to which they are drawn: of more none could be told from another. */
const MOST_HEADS = 400;
/** Radius of members, in pixels, from which on there is room for heads. */
const ROOM = 3;

export class Overlay {
  private readonly context: CanvasRenderingContext2D;
  /** Heads of the ties in view, made once a view: a step costs one fill of it. */
  private heads: Path2D | null = null;

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.context = canvas.getContext("2d")!;
  }

  draw(scene: Scene, view: boolean, selected: number, hovered: number, walking: boolean, tinted: boolean): void {
    const { camera, theme, graph } = scene;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const [w, h] = [Math.round(camera.width * ratio), Math.round(camera.height * ratio)];
    if (this.canvas.width !== w || this.canvas.height !== h) [this.canvas.width, this.canvas.height] = [w, h];
    const context = this.context;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, camera.width, camera.height);
    if (!tinted) drawHulls(context, scene, 1);
    this.communityNames(scene);
    if (view) this.heads = oneWayHeads(scene);
    if (this.heads && !scene.arrows.length) {
      context.fillStyle = theme.soft;
      context.fill(this.heads);
    }
    this.arrows(scene);
    if (selected >= 0 && selected < graph.n) {
      const size = radiusOf(scene, selected);
      this.ties(scene, selected);
      this.ring(at(scene, selected), size + 4, theme.ground, 5);
      this.ring(at(scene, selected), size + 4, theme.accent, walking ? 3.5 : 2.5);
    }
    if (hovered >= 0 && hovered < graph.n && hovered !== selected) this.ring(at(scene, hovered), radiusOf(scene, hovered) + 3, theme.ink, 1.5);
  }

  /** Who brought it to whom: faint once it happened, strong in the frame in which it did. */
  private arrows(scene: Scene): void {
    const { arrows, camera, graph, t, theme } = scene;
    const { context } = this;
    const size = radius(scene);
    const head = Math.max(4, Math.min(9, 1.1 * size));
    for (const now of [false, true]) {
      let many = 0;
      for (let k = 2; k < arrows.length; k += 3) if (arrows[k] <= t && (arrows[k] === t) === now) many++;
      const strength = Math.min(1, Math.sqrt(FEW_ARROWS / Math.max(1, many))); // many would hide whom they lead to
      context.strokeStyle = context.fillStyle = now ? theme.accent : theme.soft;
      context.globalAlpha = (now ? 0.95 : 0.55) * strength;
      context.lineWidth = now ? 1 + 0.6 * strength : 1;
      const lines = new Path2D();
      const heads = new Path2D();
      for (let k = 0; k < arrows.length; k += 3) {
        const [from, to, since] = [arrows[k], arrows[k + 1], arrows[k + 2]];
        if (since > t || (since === t) !== now || from >= graph.n || to >= graph.n) continue;
        const [x0, y0] = at(scene, from);
        const [x1, y1] = at(scene, to);
        const long = Math.hypot(x1 - x0, y1 - y0);
        if (Math.max(x0, x1) < 0 || Math.max(y0, y1) < 0 || Math.min(x0, x1) > camera.width || Math.min(y0, y1) > camera.height) continue;
        const end = long - radiusOf(scene, to, size) - 1;
        if (end <= 0) continue;
        const [dx, dy] = [(x1 - x0) / long, (y1 - y0) / long];
        const start = Math.min(radiusOf(scene, from, size), end);
        const tip = Math.min(head, end - start);
        const [ex, ey] = [x0 + dx * end, y0 + dy * end];
        lines.moveTo(x0 + dx * start, y0 + dy * start);
        lines.lineTo(ex - (dx * tip) / 2, ey - (dy * tip) / 2);
        addHead(heads, ex, ey, dx, dy, tip);
      }
      context.stroke(lines);
      context.fill(heads);
    }
    context.globalAlpha = 1;
  }

  private ties(scene: Scene, row: number): void {
    const context = this.context;
    const ends = scene.graph.neighbours(row).subarray(0, MOST_TIES);
    const [x, y] = at(scene, row);
    context.strokeStyle = scene.theme.accent;
    context.globalAlpha = 0.75;
    context.lineWidth = 1.25;
    context.beginPath();
    for (const end of ends) {
      context.moveTo(x, y);
      context.lineTo(...at(scene, end));
    }
    context.stroke();
    context.globalAlpha = 1;
    context.fillStyle = scene.theme.accent;
    const heads = oneWayHeads(scene, row); // also where there is no room for all
    if (heads) context.fill(heads);
    for (const end of ends) this.ring(at(scene, end), radiusOf(scene, end) + 1.5, scene.theme.accent, 1.25);
  }

  private ring([x, y]: [number, number], r: number, colour: string, width: number): void {
    const context = this.context;
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.beginPath();
    context.arc(x, y, r, 0, 2 * Math.PI);
    context.stroke();
  }

  private communityNames(scene: Scene): void {
    const context = this.context;
    context.font = "600 12px system-ui, sans-serif";
    context.textAlign = "center";
    context.lineJoin = "round";
    scene.hulls.forEach(({ corners, community }, i) => {
      const text = clip(scene.names[community] || `Community ${community}`);
      const [x, y] = top(corners, scene.camera);
      const half = context.measureText(text).width / 2 + 6;
      const held = Math.min(scene.camera.width - half, Math.max(half, x));
      const raised = Math.max(16, y - 14);
      context.strokeStyle = scene.theme.ground;
      context.lineWidth = 4;
      context.strokeText(text, held, raised);
      context.fillStyle = scene.theme.tints[i % scene.theme.tints.length];
      context.fillText(text, held, raised);
    });
  }
}

/** Heads where one-way ties end in view, those of one member or of all; null where there are none, members are small, or there are too many. */
function oneWayHeads(scene: Scene, only = -1): Path2D | null {
  const { graph, camera } = scene;
  const size = radius(scene);
  if (!graph.oneWay || (only < 0 && size < ROOM)) return null;
  const heads = new Path2D();
  const head = Math.max(4, Math.min(7, 0.8 * size));
  let many = 0;
  for (let i = 0; i < graph.oneWay.length; i++) {
    if (!graph.oneWay[i]) continue;
    const [from, to] = [graph.ties[2 * i], graph.ties[2 * i + 1]];
    if (only >= 0 && only !== from && only !== to) continue;
    const [x1, y1] = at(scene, to);
    if (x1 < 0 || y1 < 0 || x1 > camera.width || y1 > camera.height) continue;
    const [x0, y0] = at(scene, from);
    const long = Math.hypot(x1 - x0, y1 - y0);
    const end = long - radiusOf(scene, to, size) - 1.5;
    if (end < head) continue;
    if (++many > MOST_HEADS) return null;
    const [dx, dy] = [(x1 - x0) / long, (y1 - y0) / long];
    addHead(heads, x0 + dx * end, y0 + dy * end, dx, dy, head);
  }
  return many ? heads : null;
}

/** An arrow's head with its tip at (x, y), along (dx, dy). */
function addHead(path: Path2D, x: number, y: number, dx: number, dy: number, long: number): void {
  path.moveTo(x, y);
  path.lineTo(x - dx * long - dy * long * 0.45, y - dy * long + dx * long * 0.45);
  path.lineTo(x - dx * long + dy * long * 0.45, y - dy * long - dx * long * 0.45);
  path.closePath();
}

function at({ graph, camera }: Scene, row: number): [number, number] {
  return camera.toScreen(graph.places[2 * row], graph.places[2 * row + 1]);
}

function top(corners: Float32Array, camera: Camera): [number, number] {
  let best: [number, number] = [0, Infinity];
  for (let k = 0; k < corners.length; k += 2) {
    const [x, y] = camera.toScreen(corners[k], corners[k + 1]);
    if (y < best[1]) best = [x, y];
  }
  return best;
}

const clip = (text: string): string => (text.length > 28 ? `${text.slice(0, 27)}…` : text);
