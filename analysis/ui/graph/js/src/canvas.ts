// The renderer that works everywhere. What does not change from frame to frame (ground, communities, ties) is kept as pixels;
// a step copies them, stamps the members over them and puts the image on the canvas once.
import { factor } from "./graph";
import { addTies, ink, pixel, sprite, stamp, type Sprite } from "./raster";
import { look, radius, type Renderer, type Scene } from "./scene";
import { rgb } from "./theme";

type Ink = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

const WHILE_MOVING = 6_000;

export class CanvasRenderer implements Renderer {
  readonly kind = "canvas";
  private readonly context: CanvasRenderingContext2D;
  private image: ImageData | null = null;
  private pixels = new Uint32Array(0);
  private base = new Uint32Array(0);
  private density = new Float32Array(0);
  private xs = new Float32Array(0);
  private ys = new Float32Array(0);
  private sprites = new Map<number, Sprite>();

  constructor(private readonly canvas: HTMLCanvasElement) {
    this.context = canvas.getContext("2d", { alpha: false })!;
  }

  draw(scene: Scene, view: boolean): void {
    const { camera } = scene;
    const ratio = Math.min(window.devicePixelRatio || 1, 2);
    const w = Math.max(1, Math.round(camera.width * ratio));
    const h = Math.max(1, Math.round(camera.height * ratio));
    if (!this.image || this.image.width !== w || this.image.height !== h) {
      this.resize(w, h);
      view = true;
    }
    if (view) this.repaintBase(scene, w, h, ratio);
    this.pixels.set(this.base);
    this.members(scene, w, h, ratio);
    this.context.putImageData(this.image!, 0, 0);
  }

  destroy(): void {
    this.canvas.width = this.canvas.height = 0;
    this.image = null;
    this.pixels = this.base = new Uint32Array(0);
    this.density = this.xs = this.ys = new Float32Array(0);
    this.sprites.clear();
  }

  private resize(w: number, h: number): void {
    this.canvas.width = w;
    this.canvas.height = h;
    this.image = new ImageData(w, h);
    this.pixels = new Uint32Array(this.image.data.buffer);
    this.base = new Uint32Array(w * h);
    this.density = new Float32Array(w * h);
  }

  private repaintBase(scene: Scene, w: number, h: number, ratio: number): void {
    const { graph, camera, theme } = scene;
    if (this.xs.length !== graph.n) {
      this.xs = new Float32Array(graph.n);
      this.ys = new Float32Array(graph.n);
    }
    camera.project(graph.places, this.xs, this.ys, ratio);
    this.sprites.clear();
    if (scene.hulls.length) this.base.set(this.tint(scene, w, h, ratio));
    else this.base.fill(pixel(rgb(theme.ground)));
    const ties = graph.ties.length / 2;
    if (!ties) return;
    const every = scene.moving ? Math.max(1, Math.ceil(ties / WHILE_MOVING)) : 1;
    this.density.fill(0);
    addTies(this.density, w, h, this.xs, this.ys, graph.ties, every);
    const shown = ties / every;
    const strength = Math.min(0.6, 0.6 * (1_200 / shown) ** 0.62 * Math.sqrt(camera.zoom));
    ink(this.base, this.density, rgb(theme.tie), Math.max(strength, 0.05), theme.dark ? 0.6 : 0.55);
  }

  /** The communities' shapes over the ground, drawn by the browser and read back once a view. */
  private tint(scene: Scene, w: number, h: number, ratio: number): Uint32Array {
    const scratch = new OffscreenCanvas(w, h);
    const context = scratch.getContext("2d", { willReadFrequently: true })!;
    context.fillStyle = scene.theme.ground;
    context.fillRect(0, 0, w, h);
    drawHulls(context, scene, ratio);
    return new Uint32Array(context.getImageData(0, 0, w, h).data.buffer);
  }

  private members(scene: Scene, w: number, h: number, ratio: number): void {
    const { graph, fill, outline, only } = scene;
    const { order, sizes } = graph;
    const size = radius(scene);
    const margin = (sizes ? 5 : 2) * size * ratio + 4;
    // later passes lie on top: who engaged over who saw over who did not, the chosen entry over the others
    const passes = (outline ? 3 : 1) * (only >= 0 ? 2 : 1);
    for (let pass = 0; pass < passes; pass++) {
      const ring = outline ? pass % 3 : 0;
      const chosen = only >= 0 ? Number(pass >= passes / 2) : -1;
      for (let k = 0; k < graph.n; k++) {
        const i = order ? order[k] : k;
        const x = this.xs[i], y = this.ys[i];
        if (x < -margin || y < -margin || x > w + margin || y > h + margin) continue;
        const colour = fill ? fill[i] : 255;
        if (outline && outline[i] !== ring) continue;
        if (chosen >= 0 && Number(colour === only) !== chosen) continue;
        stamp(this.pixels, w, h, this.sprite(scene, colour, ring, sizes ? sizes[i] : -1, size, ratio), x, y);
      }
    }
  }

  private sprite(scene: Scene, fill: number, outline: number, step: number, size: number, ratio: number): Sprite {
    const key = (((step + 1) << 21) | ((scene.only + 1) << 12) | (scene.outline ? 1 << 11 : 0)) + (outline << 8) + fill;
    let made = this.sprites.get(key);
    if (!made) {
      const seen = look(scene, fill, outline, step < 0 ? size : size * factor(step));
      made = sprite({ ...seen, radius: seen.radius * ratio, ringWidth: seen.ringWidth * ratio });
      this.sprites.set(key, made);
    }
    return made;
  }
}

/** Each hull as one flat tint: drawn opaque apart, so that its shoulders do not lie twice over its body. */
export function drawHulls(onto: Ink, { hulls, theme, camera }: Scene, ratio: number): void {
  const apart = new OffscreenCanvas(Math.ceil(camera.width * ratio), Math.ceil(camera.height * ratio));
  const context = apart.getContext("2d")!;
  context.lineJoin = "round";
  context.lineWidth = 20 * ratio;
  onto.globalAlpha = theme.dark ? 0.17 : 0.11;
  hulls.forEach(({ corners }, i) => {
    context.clearRect(0, 0, apart.width, apart.height);
    context.fillStyle = context.strokeStyle = theme.tints[i % theme.tints.length];
    context.beginPath();
    for (let k = 0; k < corners.length; k += 2) {
      const [x, y] = camera.toScreen(corners[k], corners[k + 1]);
      context.lineTo(x * ratio, y * ratio);
    }
    context.closePath();
    context.fill();
    context.stroke();
    onto.drawImage(apart, 0, 0);
  });
  onto.globalAlpha = 1;
}
