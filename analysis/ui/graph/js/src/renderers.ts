// Which renderer draws. Canvas is always there; WebGL comes in a module of its own, from Python, when it is wanted and can work.
import { CanvasRenderer } from "./canvas";
import { el } from "./dom";
import type { Renderer } from "./scene";
import type { Model } from "./types";

/** Members beyond which "auto" prefers a graphics card, where there is one. */
const MANY = 50_000;
const PATIENCE = 15_000;

export class Renderers {
  note = "";
  private readonly canvas = el("canvas", { class: "md-base", "aria-hidden": "true" });
  private readonly drawn = el("div", { class: "md-gl", "aria-hidden": "true", hidden: "" });
  private readonly plain = new CanvasRenderer(this.canvas);
  private webgl: Renderer | null = null;
  private state: "none" | "asked" | "making" | "ready" | "failed" = "none";
  private timer = 0;
  private hardware: boolean | null = null;

  constructor(stage: HTMLElement, private readonly model: Model, private readonly changed: () => void) {
    stage.prepend(this.canvas, this.drawn);
  }

  /** The renderer to draw with now; asks for WebGL where that is wanted and not here yet. */
  current(n: number, ground: string): Renderer {
    const asked = this.model.get("renderer") ?? "auto";
    const wanted = n > 0 && (asked === "webgl" || (asked === "auto" && n > MANY && (this.hardware ??= accelerated())));
    if (wanted && this.state === "none") this.ask();
    this.ground = ground;
    const ready = wanted && this.state === "ready" && this.webgl !== null;
    this.drawn.hidden = !ready;
    this.canvas.hidden = ready;
    if (!wanted) this.note = "";
    return ready ? this.webgl! : this.plain;
  }
  private ground = "#000000";

  /** The module's text has come. */
  async came(text: string): Promise<void> {
    if (this.state !== "asked") return;
    this.state = "making";
    clearTimeout(this.timer);
    const url = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    try {
      const { create } = await import(/* @vite-ignore */ url);
      this.drawn.hidden = false; // it measures itself
      const made: Renderer = await create(this.drawn, this.ground);
      if ((this.state as string) === "failed") return made.destroy();
      this.webgl = made;
      this.state = "ready";
      this.drawn.addEventListener("webglcontextlost", () => this.fail("the graphics card was lost"), true);
      this.note = (this.hardware ??= accelerated()) ? "" : "WebGL runs on the processor here: Canvas is faster";
      this.changed();
    } catch (error) {
      this.fail(error instanceof Error ? error.message : String(error));
    } finally {
      URL.revokeObjectURL(url);
    }
  }

  destroy(): void {
    clearTimeout(this.timer);
    this.state = "failed";
    this.webgl?.destroy();
    this.webgl = null;
    this.plain.destroy();
  }

  private ask(): void {
    const context = probe();
    if (!context) return this.fail("this browser has no WebGL 2");
    context.getExtension("WEBGL_lose_context")?.loseContext();
    this.state = "asked";
    this.timer = window.setTimeout(() => this.fail("its module did not come"), PATIENCE);
    this.model.send({ type: "module", name: "webgl" });
  }

  private fail(why: string): void {
    clearTimeout(this.timer);
    this.webgl?.destroy();
    this.webgl = null;
    this.state = "failed";
    this.note = `Drawn with Canvas: ${why}`;
    this.changed();
  }
}

function probe(): WebGL2RenderingContext | null {
  return document.createElement("canvas").getContext("webgl2");
}

/** Whether WebGL runs on a graphics card, and not on the processor. */
function accelerated(): boolean {
  const context = probe();
  const info = context?.getExtension("WEBGL_debug_renderer_info");
  const name = info ? String(context!.getParameter(info.UNMASKED_RENDERER_WEBGL)) : "";
  context?.getExtension("WEBGL_lose_context")?.loseContext();
  return Boolean(context) && !/swiftshader|llvmpipe|software|basic render/i.test(name);
}
