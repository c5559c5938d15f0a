// The renderer for graphics hardware, by cosmos.gl with its simulation off: places are ours and stay. Interaction stays ours too:
// its view follows our camera. This file is a bundle of its own, which the widget asks Python for when it is chosen.
import { Graph as Cosmos } from "@cosmos.gl/graph";
import { factor } from "./graph";
import type { Look } from "./raster";
import { look, radius, type Renderer, type Scene } from "./scene";

const SPACE = 4096;

/** Simulation space has its y upwards, as places have. */
const space = (v: number): number => ((v + 1) / 2) * SPACE;

class WebGLRenderer implements Renderer {
  readonly kind = "webgl";
  private graph: unknown = null;
  private drawn = "";

  constructor(private readonly cosmos: Cosmos) {}

  draw(scene: Scene, view: boolean): void {
    const { graph, camera, theme } = scene;
    if (this.graph !== graph) {
      this.graph = graph;
      const once = graph.places.map(space);
      const twice = new Float32Array(2 * once.length);
      twice.set(once);
      twice.set(once, once.length);
      this.cosmos.setPointPositions(twice, true);
      this.cosmos.setLinks(Float32Array.from(graph.ties));
    }
    if (view) {
      const shown = `${theme.dark}`;
      if (shown !== this.drawn)
        this.cosmos.setConfigPartial({ backgroundColor: theme.ground, linkDefaultColor: theme.tie });
      this.drawn = shown;
      const ties = Math.max(1, graph.ties.length / 2);
      this.cosmos.setConfigPartial({ linkOpacity: Math.min(0.45, Math.max(0.04, 0.45 * (1_200 / ties) ** 0.62)) });
    }
    this.members(scene);
    this.cosmos.render(undefined, 0);
    const [left, top] = camera.toSpace(0, 0);
    const [right, low] = camera.toSpace(camera.width, camera.height);
    this.cosmos.setZoomTransformByPointPositions(Float32Array.of(space(left), space(low), space(right), space(top)), 0, undefined, 0);
  }

  destroy(): void {
    this.cosmos.destroy();
  }

  /** Each member is two points: a disc in the ring's colour, and one in its own on top. */
  private members(scene: Scene): void {
    const { graph, fill, outline } = scene;
    const { n, sizes: steps } = graph;
    const size = radius(scene);
    const colours = new Float32Array(8 * n);
    const sizes = new Float32Array(2 * n);
    const looks = new Map<number, Points>();
    for (let i = 0; i < n; i++) {
      const [code, ring] = [fill ? fill[i] : 255, outline ? outline[i] : 0];
      const step = steps ? steps[i] : -1;
      const key = ((step + 1) << 10) | (ring << 8) | code;
      let seen = looks.get(key);
      if (!seen) looks.set(key, (seen = points(look(scene, code, ring, step < 0 ? size : size * factor(step)))));
      colours.set(seen.under, 4 * i);
      colours.set(seen.over, 4 * (n + i));
      sizes[i] = seen.outer;
      sizes[n + i] = seen.inner;
    }
    this.cosmos.setPointColors(colours);
    this.cosmos.setPointSizes(sizes);
  }
}

interface Points {
  under: number[];
  over: number[];
  outer: number;
  inner: number;
}

function points({ fill, ring, radius, ringWidth }: Look): Points {
  const parts = (colour: number[], alpha: number) => [...colour.map((part) => part / 255), alpha];
  return { under: parts(ring, ringWidth ? 1 : 0), over: parts(fill, 1), outer: 2 * (radius + ringWidth), inner: 2 * radius };
}

/** Make a renderer inside `div`; rejects where the browser has no WebGL 2. */
export async function create(div: HTMLDivElement, ground: string): Promise<Renderer> {
  const cosmos = new Cosmos(div, {
    enableSimulation: false,
    enableZoom: false,
    enableDrag: false,
    fitViewOnInit: false,
    rescalePositions: false,
    spaceSize: SPACE,
    backgroundColor: ground,
    transitionDuration: 0,
    linkDefaultWidth: 1,
    linkVisibilityDistanceRange: [50, 5_000],
    linkVisibilityMinTransparency: 1,
    renderHoveredPointRing: false,
    attribution: "",
  });
  await cosmos.ready;
  return new WebGLRenderer(cosmos);
}
