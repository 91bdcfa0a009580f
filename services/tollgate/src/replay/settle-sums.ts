import { setTimeout as delay } from 'node:timers/promises';
import type { SumReader } from './sum-readers.ts';
import { equal, TeamTotals } from './totals.ts';

const POLL_MS = 200;

/** Places that hold sums, by name. */
export type Sums<T> = Readonly<Record<string, T>>;

/**
 * Reads each place until it holds what is expected, or has not moved for `deadlineMs`; a service that was killed a
 * moment ago may be away meanwhile.
 *
 * @returns what each held at last; nothing where it never answered
 */
export async function settleSums(options: {
  readonly readers: Sums<SumReader>;
  readonly expected: TeamTotals;
  readonly deadlineMs: number;
  readonly signal?: AbortSignal;
}): Promise<Record<string, TeamTotals>> {
  const settled = await Promise.all(
    Object.entries(options.readers).map(async ([name, read]) => [name, await settle(read, options)] as const),
  );
  return Object.fromEntries(settled);
}

async function settle(
  read: SumReader,
  options: { readonly expected: TeamTotals; readonly deadlineMs: number; readonly signal?: AbortSignal },
): Promise<TeamTotals> {
  let held = new TeamTotals();
  let lastProgressMs = performance.now();
  for (;;) {
    options.signal?.throwIfAborted();
    try {
      const now = await read();
      if (same(now, options.expected)) return now;
      if (!same(now, held)) lastProgressMs = performance.now();
      held = now;
    } catch (error) {
      if (performance.now() - lastProgressMs > options.deadlineMs) throw error;
    }
    if (performance.now() - lastProgressMs > options.deadlineMs) return held;
    await delay(POLL_MS);
  }
}

function same(a: TeamTotals, b: TeamTotals): boolean {
  return [...new Set([...a.teams(), ...b.teams()])].every((team) => equal(a.of(team), b.of(team)));
}
