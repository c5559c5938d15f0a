// Time in the browser: which frame is shown, and playing. Python hears of it late and as one integer.
/** Milliseconds between two tellings; the last position is always told. */
const QUIET = 200;

export class Player {
  t = 0;
  playing = false;
  speed = 4;
  private frame = 0;
  private due = 0;
  private timer = 0;

  constructor(
    private readonly total: () => number,
    private readonly live: () => boolean,
    private readonly shown: () => void,
    private readonly tell: (t: number, playing: boolean) => void,
  ) {}

  go(t: number): void {
    const held = Math.max(0, Math.min(this.total() - 1, Math.round(t)));
    if (held === this.t) return;
    this.t = held;
    this.shown();
    this.later();
  }

  step(by: number): void {
    this.play(false);
    this.go(this.t + by);
  }

  play(on: boolean): void {
    if (on === this.playing || (on && this.total() < 2)) return;
    this.playing = on;
    if (on) {
      if (this.t >= this.total() - 1) this.go(0);
      this.due = performance.now() + 1000 / this.speed;
      this.frame = requestAnimationFrame(this.tick);
    } else cancelAnimationFrame(this.frame);
    this.shown();
    this.later();
  }

  stop(): void {
    cancelAnimationFrame(this.frame);
    clearTimeout(this.timer);
  }

  private tick = (now: number): void => {
    if (!this.playing) return;
    if (now >= this.due) {
      // where drawing is slower than the speed, frames are left out and time is kept
      const late = Math.max(1, Math.floor(((now - this.due) * this.speed) / 1000) + 1);
      this.due += (late * 1000) / this.speed;
      if (this.t + late >= this.total() - 1) {
        this.go(this.total() - 1);
        if (!this.live()) return this.play(false);
      } else this.go(this.t + late);
    }
    this.frame = requestAnimationFrame(this.tick);
  };

  private later(): void {
    this.timer ||= window.setTimeout(() => {
      this.timer = 0;
      this.tell(this.t, this.playing);
    }, QUIET);
  }
}
