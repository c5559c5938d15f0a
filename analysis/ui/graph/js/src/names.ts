// Members' names: all of them with the traits, or one by one from Python where there are too many.
import type { Model } from "./types";

const KEPT = 5_000;

export class Names {
  private readonly known = new Map<number, string>();
  private readonly asked = new Set<number>();

  constructor(private readonly model: Model, private readonly changed: () => void) {}

  /** A member's name, or its number until the name has come. */
  of(row: number): string {
    const all: string[] = this.model.get("names") ?? [];
    const name = all[row] ?? this.known.get(row);
    if (name != null) return name;
    if (this.model.get("lazy_names") && !this.asked.has(row)) {
      this.asked.add(row);
      this.model.send({ type: "names", rows: [row] });
    }
    return `Member ${row}`;
  }

  came(pairs: [number, string][]): void {
    if (this.known.size > KEPT) {
      this.known.clear();
      this.asked.clear();
    }
    for (const [row, name] of pairs) this.known.set(row, name);
    this.changed();
  }

  forget(): void {
    this.known.clear();
    this.asked.clear();
  }

  /** The row of a member by number or part of a name; -1 for none, null where Python was asked. */
  find(text: string, n: number): number | null {
    const wanted = text.trim().toLowerCase();
    if (!wanted) return -1;
    const number = /^(?:member )?#?(\d+)$/.exec(wanted);
    if (number && Number(number[1]) < n) return Number(number[1]);
    const all: string[] = this.model.get("names") ?? [];
    if (!all.length && this.model.get("lazy_names")) {
      this.model.send({ type: "find", text });
      return null;
    }
    const exact = all.findIndex((name) => name.toLowerCase() === wanted);
    return exact >= 0 ? exact : all.findIndex((name) => name.toLowerCase().includes(wanted));
  }
}
