// What the model holds, read: the graph, its frames as they come in pieces, and what is told back.
import { BadData, words } from "./buffers";
import { Frames } from "./frames";
import { Graph, hulls, type Hull } from "./graph";
import type { Model } from "./types";

export class Source {
  graph = new Graph(null, null, null);
  frames = new Frames(0, null, null, [], []);
  hulls: Hull[] = [];
  arrows: Uint32Array = new Uint32Array(0);
  /** Why the traits cannot be drawn; empty where they can. */
  bad = "";
  private places: unknown = null;
  private asked = -1;

  constructor(private readonly model: Model) {}

  get = (name: string): any => this.model.get(name);

  get live(): boolean {
    return Boolean(this.get("live"));
  }

  /** Take graph and frames from the traits; returns whether members are elsewhere than before. */
  read(): boolean {
    const get = this.get;
    const places = get("places");
    let moved = true;
    try {
      const graph = new Graph(places, get("ties"), get("communities"), get("sizes"), get("one_way"));
      const arrows = words(get("arrows"), "arrows");
      if (arrows.length % 3) throw new BadData("arrows are triples");
      this.frames = new Frames(graph.n, get("fills"), get("outlines"), get("frames") ?? [], get("marks") ?? []);
      moved = places !== this.places || Boolean(this.bad);
      [this.graph, this.arrows, this.bad] = [graph, arrows, ""];
    } catch (error) {
      if (!(error instanceof BadData)) throw error;
      this.forget();
      this.bad = `This graph cannot be drawn: ${error.message}.`;
    }
    this.places = places;
    this.hulls = hulls(this.graph);
    this.asked = -1;
    this.catchUp();
    return moved;
  }

  /** Let go of graph and frames. */
  forget(): void {
    this.graph = new Graph(null, null, null);
    this.frames = new Frames(0, null, null, [], []);
    this.hulls = [];
    this.arrows = new Uint32Array(0);
    this.places = null;
  }

  /** Add frames that follow ours; false where they do not: those we have are left, a gap is asked for. */
  append(message: any, buffers: unknown[]): boolean {
    const follows = message.from === this.frames.total && !this.bad;
    if (follows) {
      this.frames.append(buffers[0], buffers[1], message.frames);
      this.frames.marks = message.marks ?? this.frames.marks;
    } else if (message.from > this.frames.total) this.asked = -1; // what we asked for did not come
    this.catchUp();
    return follows;
  }

  /** Ask for frames that Python has and we have not, once. */
  catchUp(): void {
    const total = Number(this.get("total")) || 0;
    if (this.bad || total <= this.frames.total || this.asked === this.frames.total) return;
    this.asked = this.frames.total;
    this.model.send({ type: "frames", from: this.frames.total });
  }

  /** Set what changed here on the model. */
  tell(state: Record<string, unknown>): void {
    const changed = Object.entries(state).filter(([name, value]) => this.get(name) !== value);
    if (!changed.length) return;
    for (const [name, value] of changed) this.model.set(name, value);
    this.model.save_changes();
  }
}
