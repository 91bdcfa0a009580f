import type { Position } from '../spool/spool.ts';

/** At most one entry per this many milliseconds: the age is a gauge, not a measurement. */
const GRAIN_MS = 250;

/** How long the oldest event that the broker has not acknowledged has been on disk. */
export class BacklogAge {
  #marks: { readonly position: Position; readonly atMs: number }[] = [];

  /** Everything up to `position` is on disk since `nowMs`. */
  durable(position: Position, nowMs: number): void {
    const last = this.#marks.at(-1);
    if (last === undefined || nowMs - last.atMs >= GRAIN_MS) this.#marks.push({ position, atMs: nowMs });
    else this.#marks[this.#marks.length - 1] = { position, atMs: last.atMs };
  }

  acknowledged(position: Position): void {
    let gone = 0;
    while (gone < this.#marks.length && (this.#marks[gone]?.position ?? 0) <= position) gone += 1;
    if (gone > 0) this.#marks.splice(0, gone);
  }

  /** Milliseconds; 0 where nothing waits. */
  ageMs(nowMs: number): number {
    const oldest = this.#marks[0];
    return oldest === undefined ? 0 : nowMs - oldest.atMs;
  }
}
