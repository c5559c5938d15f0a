// One view of the widget: holds the parts together and paints at most once per frame of the screen.
import { Camera } from "./camera";
import { place } from "./frames";
import { listen, type Acts } from "./input";
import { Names } from "./names";
import { Overlay } from "./overlay";
import { Player } from "./player";
import { Renderers } from "./renderers";
import { radius, type Scene } from "./scene";
import { Source } from "./source";
import { Surface } from "./surface";
import { colours, LIGHT, watchTheme, type Theme } from "./theme";
import { nextMark } from "./timeline";
import type { Model } from "./types";

const STRUCTURE = ["places", "ties", "one_way", "communities", "sizes", "arrows", "fills", "outlines", "frames"];
const DRESS = [
  "palette", "ramp", "marks", "note", "names", "community_names", "outline_labels", "fills_title", "outlines_title", "title", "height",
  "live", "renderer",
];
const QUIET = 500;

type Stale = "frame" | "view" | "structure";

export class View {
  private readonly source: Source;
  private readonly names: Names;
  private readonly player: Player;
  private readonly surface: Surface;
  private readonly overlay: Overlay;
  private readonly renderers: Renderers;
  private readonly camera = new Camera();
  private readonly heard: [string, (...given: any[]) => void][] = [];
  private readonly theming;
  private readonly sized: ResizeObserver;
  private theme: Theme = LIGHT;
  private grouped = false;
  private only = -1;
  private selected: number;
  private hovered = -1;
  private pointer: [number, number] = [0, 0];
  private walking = false;
  private moving = false;
  private painting = 0;
  private speaking = 0;
  private stale: Record<Stale, boolean> = { frame: true, view: true, structure: true };

  constructor(private readonly model: Model, host: HTMLElement) {
    this.source = new Source(model);
    this.names = new Names(model, () => this.redraw());
    this.player = new Player(
      () => this.source.frames.total,
      () => this.source.live,
      () => (this.redraw(), this.speak()),
      (t, playing) => this.source.tell({ t, playing }),
    );
    const acts = this.acts();
    this.surface = new Surface(this.source, this.names, {
      ...acts,
      zoom: (by) => (acts.zoom(by), acts.rest()),
      faster: (speed) => ((this.player.speed = speed), this.source.tell({ speed })),
      clear: () => this.select(-1),
      single: (entry) => this.single(entry),
      find: (text) => this.found(this.names.find(text, this.source.graph.n)),
    });
    const { root, stage, over } = this.surface;
    host.append(root);
    this.overlay = new Overlay(over);
    this.renderers = new Renderers(stage, model, () => this.redraw("view"));
    listen(stage, root, acts);
    this.sized = new ResizeObserver(() => this.measure());
    this.sized.observe(stage);
    this.theming = watchTheme(root, () => model.get("theme") ?? "auto", (theme) => this.dress(theme));
    this.hear();
    this.player.speed = this.speed();
    this.player.t = Number(model.get("t")) || 0;
    this.selected = Number(model.get("selected") ?? -1);
    this.redraw("structure");
    if (model.get("playing")) requestAnimationFrame(() => this.autoplay());
  }

  destroy(): void {
    for (const [event, callback] of this.heard) this.model.off(event, callback);
    cancelAnimationFrame(this.painting);
    this.painting = -1; // nothing is painted any more
    clearTimeout(this.speaking);
    this.player.stop();
    this.sized.disconnect();
    this.theming.stop();
    this.renderers.destroy();
    this.surface.root.remove();
    this.surface.over.width = this.surface.over.height = 0;
    this.source.forget(); // hosts may keep views that are gone
  }

  /** Paint before the next frame of the screen; `what` says what is out of date. */
  private redraw(what: Stale = "frame"): void {
    this.stale[what] = true;
    this.painting ||= requestAnimationFrame(() => {
      this.painting = 0;
      this.paint();
    });
  }

  private paint(): void {
    if (this.stale.structure) this.read();
    const view = this.stale.view || this.stale.structure;
    this.stale = { frame: false, view: false, structure: false };
    const scene = this.scene();
    const renderer = this.renderers.current(scene.graph.n, this.theme.ground);
    if (this.camera.width > 1) {
      renderer.draw(scene, view);
      this.overlay.draw(scene, view, this.selected, this.hovered, this.walking, renderer.kind === "canvas");
    }
    this.surface.update(scene, this.player, this.selected, this.grouped, this.renderers.note);
    this.surface.point(scene, this.hovered, ...this.pointer);
    this.surface.root.dataset.frame = String(this.player.t);
    this.surface.root.dataset.renderer = renderer.kind;
  }

  private read(): void {
    if (this.source.read()) this.camera.bound(this.source.graph.places);
    this.surface.controls.timeline.forget();
    this.names.forget();
    const { n } = this.source.graph;
    if (this.selected >= n) this.selected = -1;
    if (this.hovered >= n) this.hovered = -1;
    this.player.t = Math.max(0, Math.min(this.player.t, this.source.frames.total - 1));
  }

  private scene(): Scene {
    const { graph, frames, hulls, get } = this.source;
    const { t } = this.player;
    return {
      graph,
      camera: this.camera,
      theme: this.theme,
      colours: colours(get("palette") ?? [], this.theme),
      fill: frames.fill(t),
      outline: frames.outline(t),
      only: this.only,
      hulls: this.grouped ? hulls : [],
      arrows: this.source.arrows,
      t,
      names: get("community_names") ?? [],
      moving: this.moving,
    };
  }

  private measure(): void {
    const box = this.surface.stage.getBoundingClientRect();
    this.camera.width = Math.max(1, box.width);
    this.camera.height = Math.max(1, box.height);
    this.redraw("view");
  }

  private dress(theme: Theme): void {
    this.theme = theme;
    this.surface.root.classList.toggle("md-dark", theme.dark);
    this.redraw("view");
  }

  private speed(): number {
    return Math.min(60, Math.max(0.1, Number(this.model.get("speed")) || 4));
  }

  /** Playing begins by itself only where the reader has not asked for less motion. */
  private autoplay(): void {
    if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) this.source.tell({ playing: false });
    else this.player.play(true);
  }

  private hear(): void {
    const { model, player, source } = this;
    const on = (event: string, callback: (...given: any[]) => void) => {
      this.heard.push([event, callback]);
      model.on(event, callback);
    };
    for (const name of STRUCTURE) on(`change:${name}`, () => this.redraw("structure"));
    for (const name of DRESS) on(`change:${name}`, () => (this.surface.controls.timeline.forget(), this.redraw("view")));
    on("change:marks", () => (source.frames.marks = model.get("marks") ?? []));
    on("change:total", () => source.catchUp());
    on("change:t", () => this.moved(Number(model.get("t"))));
    on("change:playing", () => player.play(Boolean(model.get("playing"))));
    on("change:speed", () => ((player.speed = this.speed()), this.redraw()));
    on("change:selected", () => this.pick(Number(model.get("selected"))));
    on("change:theme", () => this.theming.again());
    on("msg:custom", (message, buffers) => this.message(message, buffers ?? []));
  }

  /** Python moved t; where frames change with it, they are read first. */
  private moved(t: number): void {
    if (this.stale.structure) this.player.t = t;
    else this.player.go(t);
  }

  private message(message: any, buffers: unknown[]): void {
    if (message?.type === "frames") this.append(message, buffers);
    else if (message?.type === "names") this.names.came(message.names);
    else if (message?.type === "found") this.found(message.row);
    else if (message?.type === "module") void this.renderers.came(message.text);
  }

  private append(message: any, buffers: unknown[]): void {
    if (this.stale.structure) return; // to be read, and caught up with, at the next painting
    const { frames, live } = this.source;
    const ended = this.player.t >= frames.total - 1;
    if (!this.source.append(message, buffers)) return;
    this.surface.controls.timeline.forget();
    if (ended && live && !this.player.playing) this.player.go(frames.total - 1);
    this.redraw();
  }

  private pick(row: number): void {
    const held = row >= 0 && row < this.source.graph.n ? row : -1;
    if (held === this.selected) return;
    this.selected = held;
    if (held < 0) this.walking = false;
    this.redraw();
    this.speak();
  }

  private select(row: number): void {
    this.pick(row);
    this.source.tell({ selected: this.selected });
  }

  private found(row: number | null): void {
    if (row === null) return;
    this.surface.find.answer(row >= 0);
    if (row < 0) return;
    this.select(row);
    this.reveal(row);
  }

  /** Bring a member into view. */
  private reveal(row: number): void {
    const { places } = this.source.graph;
    const [x, y] = [places[2 * row], places[2 * row + 1]];
    const [sx, sy] = this.camera.toScreen(x, y);
    const edge = 20;
    if (sx > edge && sy > edge && sx < this.camera.width - edge && sy < this.camera.height - edge) return;
    this.camera.centre(x, y);
    this.redraw("view");
  }

  private single(entry: number): void {
    this.only = this.only === entry ? -1 : entry;
    this.redraw();
  }

  private under(sx: number, sy: number): number {
    const [x, y] = this.camera.toSpace(sx, sy);
    return this.source.graph.near(x, y, Math.max(8, radius(this.scene()) + 4) / this.camera.scale);
  }

  /** Say what is shown, once it rests. */
  private speak(): void {
    clearTimeout(this.speaking);
    this.speaking = window.setTimeout(() => {
      if (this.player.playing) return;
      const where = place(this.source.frames.labels[this.player.t]);
      const told = this.selected >= 0 ? this.surface.told(this.selected, this.scene()) : null;
      const parts = told ? [`${told.name}: ${told.fill}`, told.outline, `${told.ties} ties shown`, where] : [where];
      this.surface.speak(parts.filter(Boolean).join(", "));
    }, QUIET);
  }

  private acts(): Acts {
    const { player, source, camera } = this;
    const moved = () => ((this.moving = true), this.redraw("view"));
    return {
      pan: (dx, dy) => (camera.pan(dx, dy), moved()),
      zoom: (factor, x, y) => (camera.zoomAt(factor, x, y), moved()),
      fit: () => (camera.fit(), this.redraw("view")),
      rest: () => ((this.moving = false), this.redraw("view")),
      hover: (x, y) => this.hover(x, y),
      leave: () => this.hover(-1, -1),
      click: (x, y) => ((this.walking = false), this.select(this.under(x, y))),
      step: (by) => player.step(by),
      go: (t) => player.go(Math.min(t, source.frames.total - 1)),
      mark: (way) => player.go(nextMark(source.frames.marks, player.t, way, source.frames.total - 1)),
      toggle: () => player.play(!player.playing),
      enter: () => this.enter(),
      walk: (dx, dy) => this.walk(dx, dy),
      escape: () => this.escape(),
      help: () => (this.surface.helpBox.hidden = !this.surface.helpBox.hidden),
      groups: () => ((this.grouped = !this.grouped && source.hulls.length > 0), this.redraw("view")),
    };
  }

  private hover(x: number, y: number): void {
    const row = x < 0 || !this.source.graph.n ? -1 : this.under(x, y);
    if (row < 0 && this.hovered < 0) return;
    this.hovered = row;
    this.pointer = [x, y];
    this.redraw();
  }

  private enter(): void {
    const { graph } = this.source;
    if (!graph.n) return;
    this.walking = true;
    if (this.selected < 0) this.select(graph.near(...this.camera.toSpace(this.camera.width / 2, this.camera.height / 2), 4));
    this.redraw();
  }

  private walk(dx: number, dy: number): boolean {
    if (!this.walking || this.selected < 0) return false;
    const next = this.source.graph.toward(this.selected, dx, dy);
    if (next >= 0) {
      this.select(next);
      this.reveal(next);
    }
    return true;
  }

  private escape(): void {
    if (!this.surface.helpBox.hidden) this.surface.helpBox.hidden = true;
    else if (this.walking) {
      this.walking = false;
      this.redraw();
    } else if (this.selected >= 0) this.select(-1);
    else if (this.only >= 0) this.single(this.only);
  }
}
