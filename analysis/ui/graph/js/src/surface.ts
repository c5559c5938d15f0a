// The elements of the widget and the words on them. Knows what is shown, not how it came about.
import { Controls, type Wishes } from "./controls";
import { count, el } from "./dom";
import { Legend } from "./legend";
import { Card, finder, help, Tip, tools, type Told } from "./parts";
import type { Player } from "./player";
import type { Scene } from "./scene";
import type { Source } from "./source";
import { NO_COMMUNITY } from "./types";
import type { Names } from "./names";

export interface Doings extends Wishes {
  zoom(by: number): void;
  fit(): void;
  groups(): void;
  help(): void;
  clear(): void;
  single(entry: number): void;
  find(text: string): void;
}

let made = 0;

export class Surface {
  readonly root: HTMLElement;
  readonly stage: HTMLElement;
  readonly over = el("canvas", { class: "md-over", "aria-hidden": "true" });
  readonly helpBox: HTMLElement;
  private readonly tip = new Tip();
  readonly controls: Controls;
  readonly find;
  private readonly note = el("div", { class: "md-note", hidden: "" });
  private readonly empty = el("div", { class: "md-empty", hidden: "" });
  private readonly say = el("div", { class: "md-say", role: "status", "aria-live": "polite" });
  private readonly card: Card;
  private readonly legend: Legend;
  private readonly tools;
  private readonly side: HTMLElement;

  constructor(private readonly source: Source, private readonly names: Names, doings: Doings) {
    const id = `md-help-${++made}-${Math.random().toString(36).slice(2, 8)}`;
    this.helpBox = help(id);
    this.card = new Card(doings.clear);
    this.legend = new Legend(doings.single);
    this.controls = new Controls(doings);
    this.controls.element.append(this.note);
    this.find = finder(doings.find);
    this.tools = tools(doings);
    this.stage = el("div", { class: "md-stage", tabindex: "0", role: "application", "aria-roledescription": "graph", "aria-describedby": id });
    this.stage.append(this.over, this.empty, this.card.element, this.tools.element, this.helpBox, this.tip.element);
    this.side = el("aside", { class: "md-side" }, this.legend.element, this.find.element);
    // keys pressed here are ours: JupyterLab would take them for commands to the notebook
    const own = { class: "moloch-diffusion", role: "group", "data-lm-suppress-shortcuts": "true" };
    this.root = el("section", own, el("div", { class: "md-body" }, this.stage, this.side, this.controls.element), this.say);
  }

  /** Bring everything but the graph itself up to date. */
  update(scene: Scene, player: Player, selected: number, grouped: boolean, warning: string): void {
    const { get, graph, frames, bad, live } = this.source;
    this.controls.update(frames, player.t, player.playing, player.speed, live);
    const palette: { label: string }[] = get("palette") ?? [];
    const entries = palette.map(({ label }, i) => ({ label: String(label), colour: scene.colours[i] }));
    const titles: [string, string] = [get("fills_title") || "Choice", get("outlines_title") || "Exposure"];
    this.legend.build(entries, get("ramp") ?? {}, scene.outline ? (get("outline_labels") ?? []) : [], titles);
    this.legend.update(scene.fill ? frames.counts(player.t, palette.length) : null, graph.n, scene.only);
    const notes = [get("note"), warning].filter(Boolean).join(" · ");
    if (this.note.textContent !== notes) this.note.textContent = notes;
    this.note.hidden = !notes;
    this.empty.textContent = bad || (graph.n ? "" : "No members to show");
    this.empty.hidden = !this.empty.textContent;
    this.empty.classList.toggle("md-bad", Boolean(bad));
    this.tools.groups.hidden = !this.source.hulls.length;
    this.tools.groups.setAttribute("aria-pressed", String(grouped));
    this.find.element.hidden = !graph.n;
    this.card.show(selected >= 0 ? this.told(selected, scene) : null);
    const title = get("title") || "Audience over time"; // landmarks of two graphs on a page differ
    this.root.setAttribute("aria-label", title);
    this.side.setAttribute("aria-label", `${title}: what colours mean`);
    this.find.element.setAttribute("aria-label", `${title}: find a member`);
    const ties = count(graph.ties.length / 2);
    this.stage.setAttribute("aria-label", `Audience graph, ${count(graph.n)} members, ${ties} ties shown`);
    this.root.style.setProperty("--md-height", `${Math.max(160, Number(get("height")) || 480)}px`);
  }

  /** Tell who is under the pointer, or nobody (-1). */
  point(scene: Scene, row: number, x: number, y: number): void {
    this.tip.show(row >= 0 ? this.told(row, scene) : null, x, y, scene.camera.width, scene.camera.height);
    this.stage.classList.toggle("md-over-member", row >= 0);
  }

  /** A member in words, at the frame of the scene. */
  told(row: number, { fill, outline, colours, names }: Scene): Told {
    const { get, graph } = this.source;
    const code = fill ? fill[row] : 255;
    const group = graph.communities ? graph.communities[row] : NO_COMMUNITY;
    return {
      name: this.names.of(row),
      row,
      fill: (get("palette") ?? [])[code]?.label ?? "",
      colour: colours[code] ?? "#8a939c",
      outline: outline ? ((get("outline_labels") ?? [])[outline[row]] ?? "") : "",
      outlines: get("outlines_title") || "Exposure",
      ties: graph.neighbours(row).length,
      oneWay: graph.oneWay && graph.oneWayOf(row),
      community: group === NO_COMMUNITY ? "" : names[group] || `Community ${group}`,
    };
  }

  /** To assistive technology, once. */
  speak(text: string): void {
    this.say.textContent = text;
  }
}
