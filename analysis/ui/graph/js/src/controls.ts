// The row of time controls, and the line that says where in the run the frame stands.
import { button, count, el, ICONS, relabel } from "./dom";
import { place, type Frames } from "./frames";
import { Timeline } from "./timeline";

const SPEEDS = [1, 2, 4, 8, 15, 30];

export interface Wishes {
  go(t: number): void;
  step(by: number): void;
  toggle(): void;
  faster(speed: number): void;
}

export class Controls {
  readonly element: HTMLElement;
  readonly timeline: Timeline;
  private readonly play: HTMLButtonElement;
  private readonly buttons: HTMLButtonElement[];
  private readonly speed = el("select", { class: "md-speed", "aria-label": "Frames per second", title: "Frames per second" });
  private readonly where = el("span", { class: "md-where" });
  private readonly number = el("span", { class: "md-number" });
  private readonly live = el("span", { class: "md-live", hidden: "" }, "Live");

  constructor(wishes: Wishes) {
    this.play = button("Play (Space)", ICONS.play, wishes.toggle);
    this.play.classList.add("md-play");
    this.buttons = [
      button("First frame (Home)", ICONS.first, () => wishes.go(0)),
      button("Back one frame (←)", ICONS.back, () => wishes.step(-1)),
      this.play,
      button("Forward one frame (→)", ICONS.forward, () => wishes.step(1)),
      button("Last frame (End)", ICONS.last, () => wishes.go(Infinity)),
    ];
    this.timeline = new Timeline(wishes.go);
    this.speed.addEventListener("change", () => wishes.faster(Number(this.speed.value)));
    this.element = el(
      "div",
      { class: "md-controls" },
      el("div", { class: "md-status" }, this.live, this.where, this.number),
      el("div", { class: "md-transport", role: "group", "aria-label": "Playback" }, ...this.buttons),
      this.timeline.element,
      this.speed,
      this.timeline.key,
    );
  }

  update(frames: Frames, t: number, playing: boolean, speed: number, live: boolean): void {
    relabel(this.play, playing ? "Pause (Space)" : "Play (Space)", playing ? ICONS.pause : ICONS.play);
    const [first, back, play, on, last] = this.buttons;
    first.disabled = back.disabled = t <= 0;
    on.disabled = last.disabled = t >= frames.total - 1;
    play.disabled = frames.total < 2;
    this.options(speed);
    this.live.hidden = !live;
    const frame = frames.labels[t];
    const said = place(frame) || (frame ? "" : live ? "Waiting for the first step" : "No frames");
    if (this.where.textContent !== said) {
      this.where.textContent = said;
      this.where.title = said;
    }
    const told = /^Step \d+$/.test(said);
    const step = frame?.step != null && !told ? `step ${count(frame.step)} · ` : "";
    this.number.textContent = frame ? `${step}frame ${count(t + 1)} of ${count(frames.total)}` : "";
    this.timeline.update(frames, t);
  }

  private options(speed: number): void {
    if (this.speed.value === String(speed)) return;
    const all = SPEEDS.includes(speed) ? SPEEDS : [...SPEEDS, speed].sort((a, b) => a - b);
    this.speed.replaceChildren(...all.map((one) => el("option", { value: String(one) }, `${one}/s`)));
    this.speed.value = String(speed);
  }
}
