import { difference, type Ranges } from './ranges.ts';

/** Numbers that a source says it has stored and that have not come, and since when that is known. */
export interface Missing {
  readonly from: number;
  readonly to: number;
  /** Epoch milliseconds. */
  readonly sinceMs: number;
}

/**
 * What is missing of 1..`through` now. What was missing before keeps the instant at which it was first missed, so
 * that a gap that is only half refilled does not start its grace anew. Linear in what is given.
 *
 * @param before ascending, as this function gives it
 */
export function missingNow(
  before: readonly Missing[],
  received: Ranges,
  through: number,
  nowMs: number,
): readonly Missing[] {
  const absent = through < 1 ? [] : difference([[1, through]], received);
  const missing: Missing[] = [];
  let at = 0;
  for (const [from, to] of absent) {
    let start = from;
    while (start <= to) {
      const known = before[at];
      if (known === undefined || known.from > to) {
        missing.push({ from: start, to, sinceMs: nowMs });
        break;
      }
      if (known.to < start) {
        at += 1;
        continue;
      }
      if (known.from > start) missing.push({ from: start, to: known.from - 1, sinceMs: nowMs });
      const first = Math.max(start, known.from);
      const last = Math.min(known.to, to);
      missing.push({ from: first, to: last, sinceMs: known.sinceMs });
      start = last + 1;
    }
  }
  return missing;
}

/** The missing numbers that have been missing for `graceMs`: the gaps. Neighbours are joined. */
export function gapsAmong(missing: readonly Missing[], nowMs: number, graceMs: number): Ranges {
  const due = missing.filter(({ sinceMs }) => nowMs - sinceMs >= graceMs);
  const joined: [number, number][] = [];
  for (const { from, to } of due) {
    const last = joined.at(-1);
    if (last !== undefined && from === last[1] + 1) last[1] = to;
    else joined.push([from, to]);
  }
  return joined;
}
