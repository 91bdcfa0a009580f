import type { Units } from '@tollgate/limits';
import type { LeaseSums } from '../leases/lease.ts';

/** Which window of which limit. */
export type WindowKey = { readonly limitId: string; readonly startsAtMs: number };

/** One limit's window as it stands. */
export type WindowRow = WindowKey & {
  readonly endsAtMs: number;
  readonly amount: Units;
  readonly granted: Units;
  readonly settled: Units;
  readonly overshoot: Units;
  readonly unleased: Units;
  readonly confirmed: Units;
  readonly uncounted: number;
};

/** What a transaction adds to a window. */
export type WindowChange = {
  granted: Units;
  settled: Units;
  overshoot: Units;
  unleased: Units;
  confirmed: Units;
  uncounted: number;
  /** Of `granted`, what is newly granted: for that much there must be room. */
  newlyGranted: Units;
};

export function windowKeyText({ limitId, startsAtMs }: WindowKey): string {
  return `${startsAtMs} ${limitId}`;
}

/** What can still be granted. Use beyond a lease, or without any, has taken from it too. */
export function remainingOf(row: Pick<WindowRow, 'amount' | 'granted' | 'overshoot' | 'unleased'>): Units {
  const remaining = row.amount - row.granted - row.overshoot - row.unleased;
  return remaining > 0n ? remaining : 0n;
}

/** Changes of several windows, collected by key. */
export class WindowChanges {
  readonly #changes = new Map<string, { readonly key: WindowKey; readonly change: WindowChange }>();

  /** The change of one window, to be added to. */
  of(key: WindowKey): WindowChange {
    const text = windowKeyText(key);
    const known = this.#changes.get(text);
    if (known !== undefined) return known.change;
    const change: WindowChange = {
      granted: 0n,
      settled: 0n,
      overshoot: 0n,
      unleased: 0n,
      confirmed: 0n,
      uncounted: 0,
      newlyGranted: 0n,
    };
    this.#changes.set(text, { key: { limitId: key.limitId, startsAtMs: key.startsAtMs }, change });
    return change;
  }

  /** A lease's part went from one to another; from nothing for a new one. */
  replace(key: WindowKey, before: LeaseSums | null, after: LeaseSums): void {
    const change = this.of(key);
    change.granted += after.granted - (before?.granted ?? 0n);
    change.settled += after.settled - (before?.settled ?? 0n);
    change.overshoot += after.overshoot - (before?.overshoot ?? 0n);
  }

  /** Every window that is touched, in the order in which all transactions lock them. */
  entries(): { readonly key: WindowKey; readonly change: WindowChange }[] {
    return [...this.#changes.values()].sort((a, b) => compareKeys(a.key, b.key));
  }
}

/** By limit, then start. */
export function compareKeys(a: WindowKey, b: WindowKey): number {
  if (a.limitId !== b.limitId) return a.limitId < b.limitId ? -1 : 1;
  return a.startsAtMs - b.startsAtMs;
}
