/** Whole numbers from the first to the second, both included. */
export type Range = readonly [from: number, to: number];

/** Ascending, without overlap, and without neighbours that could be one. */
export type Ranges = readonly Range[];

export const NONE: Ranges = [];

/** `ranges` with `numbers` in it; the numbers may be in any order and repeat. */
export function withNumbers(ranges: Ranges, numbers: readonly number[]): Ranges {
  if (numbers.length === 0) return ranges;
  const sorted = Float64Array.from(numbers).sort();
  const runs: Range[] = [];
  let from = sorted[0] ?? 0;
  let to = from;
  for (const n of sorted) {
    if (n > to + 1) {
      runs.push([from, to]);
      from = n;
    }
    to = n;
  }
  runs.push([from, to]);
  return union(ranges, runs);
}

/** Everything in either. Linear: a source far behind can come in tens of thousands of ranges. */
export function union(a: Ranges, b: Ranges): Ranges {
  if (a.length === 0) return b;
  if (b.length === 0) return a;
  const merged: [number, number][] = [];
  let last: [number, number] | undefined;
  let i = 0;
  let j = 0;
  for (;;) {
    const left = a[i];
    const right = b[j];
    const next = right === undefined || (left !== undefined && left[0] <= right[0]) ? left : right;
    if (next === undefined) return merged;
    if (next === left) i += 1;
    else j += 1;
    if (last !== undefined && next[0] <= last[1] + 1) {
      if (next[1] > last[1]) last[1] = next[1];
    } else {
      last = [next[0], next[1]];
      merged.push(last);
    }
  }
}

/** Everything in `a` that is not in `b`. */
export function difference(a: Ranges, b: Ranges): Ranges {
  const left: Range[] = [];
  let at = 0;
  for (const [from, to] of a) {
    let start = from;
    while (at < b.length && (b[at]?.[1] ?? 0) < start) at += 1;
    for (let i = at; start <= to; i += 1) {
      const cut = b[i];
      if (cut === undefined || cut[0] > to) {
        left.push([start, to]);
        break;
      }
      if (cut[0] > start) left.push([start, cut[0] - 1]);
      start = cut[1] + 1;
    }
  }
  return left;
}

export function contains(ranges: Ranges, n: number): boolean {
  let low = 0;
  let high = ranges.length - 1;
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const range = ranges[middle];
    if (range === undefined || n < range[0]) high = middle - 1;
    else if (n > range[1]) low = middle + 1;
    else return true;
  }
  return false;
}

/** How many numbers. */
export function size(ranges: Ranges): number {
  return ranges.reduce((sum, [from, to]) => sum + to - from + 1, 0);
}

/** The greatest n such that 1..n are all there; 0 where 1 is missing. */
export function prefix(ranges: Ranges): number {
  const first = ranges[0];
  return first !== undefined && first[0] === 1 ? first[1] : 0;
}

/** The greatest number; 0 where there is none. */
export function greatest(ranges: Ranges): number {
  return ranges.at(-1)?.[1] ?? 0;
}
