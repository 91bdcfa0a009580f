/** A name that is further away than a third of its length is no typing error. */
const MAX_DISTANCE_PER_LENGTH = 1 / 3;

/** The candidate that was most likely meant, or `null` where none is near. */
export function nearestName(name: string, candidates: Iterable<string>): string | null {
  let nearest: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const distance = editDistance(name.toLowerCase().replaceAll('_', '-'), candidate.replaceAll('_', '-'));
    if (distance < least && distance <= Math.max(1, candidate.length * MAX_DISTANCE_PER_LENGTH)) {
      nearest = candidate;
      least = distance;
    }
  }
  return nearest;
}

/** Optimal string alignment: insertions, deletions, replacements, and neighbours swapped, each counting one. */
export function editDistance(left: string, right: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const same = left[row - 1] === right[column - 1];
      let least = Math.min(
        (last[column] ?? 0) + 1,
        (current[column - 1] ?? 0) + 1,
        (last[column - 1] ?? 0) + (same ? 0 : 1),
      );
      const swapped = left[row - 1] === right[column - 2] && left[row - 2] === right[column - 1];
      if (swapped && row > 1 && column > 1) least = Math.min(least, (beforeLast[column - 2] ?? 0) + 1);
      current.push(least);
    }
    beforeLast = last;
    last = current;
  }
  return last[right.length] ?? 0;
}
