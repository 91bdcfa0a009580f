import {
  formatUnits,
  type LeaseAnswer,
  type LeaseCall,
  type LeaseReport,
  type LeaseWant,
  MAX_LEASE_ITEMS,
  parseUnits,
  type Unit,
  type Units,
} from '@tollgate/limits';
import type { Lease } from './lease.ts';
import type { LimitLedger } from './limit-ledger.ts';
import type { Demand } from './waiting-line.ts';
import type { WindowLedger } from './window-ledger.ts';

/** A window that nobody has reserved from for so long gives back what it holds, in milliseconds. */
export const IDLE_MS = 5_000;

/** More is asked for ahead of need where something was reserved within so many milliseconds. */
const REFILL_MS = 1_000;

/** How long a window is held after its end, for requests that arrived before, in milliseconds. */
const GRACE_MS = 1_000;

/** How long before a window turns the first lease of the next one is asked for, in milliseconds. */
export const AHEAD_MS = 2_000;

/** How long a window that had too little left is not asked for more, in milliseconds. */
export const RECHECK_MS = 250;

/** The moment on both clocks. */
export interface Moment {
  /** Milliseconds since the epoch. */
  readonly nowMs: number;
  readonly monotonicMs: number;
}

/** What one call is about. */
export interface Exchange {
  readonly reports: readonly LeaseReport[];
  readonly wants: readonly LeaseWant[];
}

interface Place {
  readonly ledger: LimitLedger;
  readonly window: WindowLedger;
}

/**
 * What is to be told to the budgets service, and what it is to be asked for, from the ledgers as they stand. Decides
 * which leases go back: those that nobody draws on and that are idle, over, expired, or smaller than what waits.
 *
 * @param demand what requests wait for
 * @param inForce whether a limit is still there; the leases of others go back
 * @param everything give everything back, and ask for nothing: the gateway stops
 */
export function exchangeOf(
  ledgers: Iterable<LimitLedger>,
  demand: ReadonlyMap<WindowLedger, Demand>,
  at: Moment,
  newId: () => string,
  inForce: (ledger: LimitLedger) => boolean,
  everything = false,
): Exchange {
  const reports: LeaseReport[] = [];
  const wants: LeaseWant[] = [];
  for (const ledger of ledgers) {
    const ended = everything || !inForce(ledger);
    if (!ended) prefetch(ledger, at, newId);
    for (const window of ledger.windows.values()) {
      const waits = demand.get(window) ?? null;
      retire(window, waits, at, ended);
      for (const lease of window.leases) {
        if (reports.length >= MAX_LEASE_ITEMS || !isDue(lease, at)) continue;
        const { id, settled, final } = lease;
        reports.push({ lease_id: id, settled: formatUnits(ledger.limit.unit, settled), final });
      }
      if (!ended) ask(ledger, window, waits, at, newId);
      if (window.want !== null && wants.length < MAX_LEASE_ITEMS) wants.push(wantOf(ledger, window));
    }
  }
  return { reports, wants };
}

/** Takes in what became of a call. @param sentMs when it was sent, on the monotonic clock */
export function applyAnswer(
  ledgers: ReadonlyMap<string, LimitLedger>,
  exchange: Exchange,
  answer: LeaseAnswer,
  sentMs: number,
): void {
  const reported = new Map(exchange.reports.map((report) => [report.lease_id, report]));
  const states = new Map(answer.reported.map((state) => [state.lease_id, state]));
  for (const { ledger, window } of placesOf(ledgers)) {
    window.leases = window.leases.filter((lease) => {
      const report = reported.get(lease.id);
      const state = states.get(lease.id);
      if (report === undefined || state === undefined) return true;
      lease.acknowledged = parseUnits(ledger.limit.unit, report.settled);
      if (state.state === 'open') lease.renewed(sentMs, state.expires_in_ms ?? 0);
      else lease.retire();
      return !(report.final || (state.state === 'unknown' && lease.inFlight === 0));
    });
  }
  for (const granted of answer.leases) {
    const ledger = ledgers.get(granted.limit_id);
    const window = ledger?.windows.get(Date.parse(granted.window_starts_at));
    if (ledger === undefined || window === undefined || window.want?.leaseId !== granted.lease_id) continue;
    window.want = null;
    const amount = parseUnits(ledger.limit.unit, granted.granted);
    window.add(granted.lease_id, amount, sentMs, granted.expires_in_ms);
  }
  for (const { lease_id, code } of answer.refused) {
    for (const { window } of placesOf(ledgers)) {
      if (window.want?.leaseId !== lease_id) continue;
      window.want = null;
      // An id that was used up says nothing of the window: the next want has another.
      if (code !== 'exhausted' && code !== 'lease_closed') window.rejectedMs = sentMs;
    }
  }
  for (const state of answer.states) {
    const ledger = ledgers.get(state.limit_id);
    const window = ledger?.windows.get(Date.parse(state.window_starts_at));
    if (ledger === undefined || window === undefined) continue;
    const [left, limit, settled] = [state.remaining, state.limit, state.settled].map((text) =>
      parseUnits(ledger.limit.unit, text),
    );
    window.remaining = { units: left ?? 0n, unspent: (limit ?? 0n) - (settled ?? 0n), knownMs: sentMs };
  }
}

/** The body of a call. */
export function callOf(exchange: Exchange, instance: string, source: string): LeaseCall {
  return { instance, source, reports: [...exchange.reports], wants: [...exchange.wants] };
}

function* placesOf(ledgers: ReadonlyMap<string, LimitLedger>): Generator<Place> {
  for (const ledger of ledgers.values()) {
    for (const window of ledger.windows.values()) yield { ledger, window };
  }
}

/** Whether a lease has something to say: its end, a new total, or that it is still needed. */
function isDue(lease: Lease, { monotonicMs }: Moment): boolean {
  return lease.final || lease.settled !== lease.acknowledged || monotonicMs >= lease.renewMs;
}

function retire(window: WindowLedger, waits: Demand | null, at: Moment, ended: boolean): void {
  const over = ended || at.nowMs >= window.endsAtMs + GRACE_MS;
  const begun = at.nowMs >= window.startsAtMs;
  const idle = begun && at.monotonicMs - window.lastUsedMs > IDLE_MS;
  for (const lease of window.leases) {
    if (lease.inFlight > 0) continue;
    const expired = at.monotonicMs >= lease.expiresMs;
    const small = waits !== null && lease.free < waits.least;
    if (over || idle || expired || small) lease.retire();
  }
}

/** Sees to it that there is something to reserve from once the window has turned. */
function prefetch(ledger: LimitLedger, at: Moment, newId: () => string): void {
  const running = ledger.known(at.nowMs);
  if (running === null || at.nowMs < running.endsAtMs - AHEAD_MS) return;
  if (at.monotonicMs - running.lastUsedMs > AHEAD_MS) return;
  const next = ledger.after(running);
  if (next.want !== null || next.leases.length > 0 || asked(next, at)) return;
  // Counts as used from its beginning on, so that it is not given back before.
  next.lastUsedMs = at.monotonicMs + (next.startsAtMs - at.nowMs);
  next.want = want(newId(), ledger.chunk(), ledger.lastNeed);
}

/** Asks for more where requests wait for it, or where less than half a lease is left. */
function ask(
  ledger: LimitLedger,
  window: WindowLedger,
  waits: Demand | null,
  at: Moment,
  newId: () => string,
): void {
  if (window.want !== null || at.monotonicMs - window.rejectedMs < RECHECK_MS) return;
  // Where nothing was reserved yet, what waits is all that is known of needs: its lease has room for as much again.
  if (waits !== null && waits.least > ledger.lastNeed) ledger.lastNeed = waits.least;
  const chunk = ledger.chunk();
  if (waits !== null) {
    if (asked(window, at) && waits.least > window.remaining.units + window.returnable()) return;
    window.want = want(newId(), waits.total + chunk, waits.least);
    return;
  }
  const running = at.nowMs >= window.startsAtMs && at.nowMs < window.endsAtMs;
  const used = at.monotonicMs - window.lastUsedMs <= REFILL_MS;
  if (!running || !used || asked(window, at)) return;
  if (window.free(at.monotonicMs) * 2n < chunk) window.want = want(newId(), chunk, ledger.lastNeed);
}

/** Whether the service has said just now what is left. */
function asked(window: WindowLedger, { monotonicMs }: Moment): boolean {
  return monotonicMs - window.remaining.knownMs < RECHECK_MS;
}

function want(leaseId: string, amount: Units, minimum: Units): WindowLedger['want'] {
  return { leaseId, amount: amount > minimum ? amount : minimum, minimum };
}

function wantOf(ledger: LimitLedger, window: WindowLedger): LeaseWant {
  const { leaseId, amount, minimum } = window.want ?? { leaseId: '', amount: 0n, minimum: 0n };
  const unit: Unit = ledger.limit.unit;
  return {
    lease_id: leaseId,
    limit_id: ledger.limit.limitId,
    window_starts_at: new Date(window.startsAtMs).toISOString(),
    amount: formatUnits(unit, amount),
    minimum: formatUnits(unit, minimum),
  };
}
