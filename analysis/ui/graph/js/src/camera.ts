// From places (-1 .. 1, y up) to pixels of the stage and back.

const MOST = 80;
const LEAST = 0.5;

export class Camera {
  width = 1;
  height = 1;
  /** Times the size that fits the whole graph. */
  zoom = 1;
  private x = 0;
  private y = 0;
  private box = { x: 0, y: 0, w: 2, h: 2 };

  /** Frame these places: centre and extent of what there is. */
  bound(places: Float32Array): void {
    let [left, right, low, high] = [Infinity, -Infinity, Infinity, -Infinity];
    for (let i = 0; i < places.length; i += 2) {
      left = Math.min(left, places[i]);
      right = Math.max(right, places[i]);
      low = Math.min(low, places[i + 1]);
      high = Math.max(high, places[i + 1]);
    }
    if (left > right) [left, right, low, high] = [-1, 1, -1, 1];
    this.box = { x: (left + right) / 2, y: (low + high) / 2, w: Math.max(right - left, 1e-3), h: Math.max(high - low, 1e-3) };
    this.fit();
  }

  fit(): void {
    this.zoom = 1;
    this.x = this.box.x;
    this.y = this.box.y;
  }

  get scale(): number {
    const pad = Math.min(24, Math.min(this.width, this.height) * 0.08);
    return this.zoom * Math.min((this.width - 2 * pad) / this.box.w, (this.height - 2 * pad) / this.box.h, 2000);
  }

  toScreen(x: number, y: number): [number, number] {
    const s = this.scale;
    return [this.width / 2 + (x - this.x) * s, this.height / 2 - (y - this.y) * s];
  }

  toSpace(sx: number, sy: number): [number, number] {
    const s = this.scale;
    return [this.x + (sx - this.width / 2) / s, this.y - (sy - this.height / 2) / s];
  }

  /** All places in pixels times `ratio`. */
  project(places: Float32Array, xs: Float32Array, ys: Float32Array, ratio: number): void {
    const s = this.scale * ratio;
    const dx = (this.width / 2) * ratio - this.x * s;
    const dy = (this.height / 2) * ratio + this.y * s;
    for (let i = 0, j = 0; i < xs.length; i++, j += 2) {
      xs[i] = dx + places[j] * s;
      ys[i] = dy - places[j + 1] * s;
    }
  }

  pan(dx: number, dy: number): void {
    const s = this.scale;
    this.x -= dx / s;
    this.y += dy / s;
    this.hold();
  }

  /** Zoom by a factor and keep the point under (sx, sy) where it is. */
  zoomAt(factor: number, sx = this.width / 2, sy = this.height / 2): void {
    const [x, y] = this.toSpace(sx, sy);
    this.zoom = Math.min(MOST, Math.max(LEAST, this.zoom * factor));
    const [nx, ny] = this.toScreen(x, y);
    this.pan(sx - nx, sy - ny);
  }

  centre(x: number, y: number): void {
    this.x = x;
    this.y = y;
  }

  /** The middle of the view never leaves the graph's box. */
  private hold(): void {
    const { x, y, w, h } = this.box;
    this.x = Math.min(x + w / 2, Math.max(x - w / 2, this.x));
    this.y = Math.min(y + h / 2, Math.max(y - h / 2, this.y));
  }
}
