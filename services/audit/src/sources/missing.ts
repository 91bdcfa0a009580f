import { difference, intersection, type Ranges } from './ranges.ts';

/** Numbers that a source says it has stored and that have not come, and since when that is known. */
export interface Missing {
  readonly from: number;
  readonly to: number;
  /** Epoch milliseconds. */
  readonly sinceMs: number;
}

/**
 * What is missing of 1..`through` now. What was missing before keeps the instant at which it was first missed, so
 * that a gap that is only half refilled does not start its grace anew.
 */
export function missingNow(
  before: readonly Missing[],
  received: Ranges,
  through: number,
  nowMs: number,
): readonly Missing[] {
  const absent = through < 1 ? [] : difference([[1, through]], received);
  if (absent.length === 0) return [];
  const kept = before.flatMap(({ from, to, sinceMs }) =>
    intersection(absent, [[from, to]]).map(([a, b]) => ({ from: a, to: b, sinceMs })),
  );
  const known: Ranges = before.map(({ from, to }) => [from, to] as const);
  const fresh = difference(absent, known).map(([from, to]) => ({ from, to, sinceMs: nowMs }));
  return [...kept, ...fresh].sort((a, b) => a.from - b.from);
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
