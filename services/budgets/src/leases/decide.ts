import {
  formatUnits,
  type GrantedLease,
  type LeaseAnswer,
  type LeaseCall,
  type LeaseRefusal,
  LimitError,
  parseUnits,
  type ReportedLease,
  type Units,
  type WindowState,
} from '@tollgate/limits';
import { BudgetsError } from '../errors.ts';
import type { StoredLimit } from '../limits/stored-limit.ts';
import {
  remainingOf,
  WindowChanges,
  type WindowKey,
  type WindowRow,
  windowKeyText,
} from '../windows/window-row.ts';
import { grantOf } from './grant.ts';
import { type Lease, reported, sumsOf } from './lease.ts';
import type { PlannedWant } from './plan-wants.ts';

/** Everything that a call is decided by, as it stands under the locks of its transaction. */
export type DecisionInput = {
  readonly call: LeaseCall;
  readonly planned: readonly PlannedWant[];
  readonly refused: readonly LeaseRefusal[];
  readonly leases: ReadonlyMap<string, Lease>;
  readonly windows: ReadonlyMap<string, WindowRow>;
  readonly limitOf: (limitId: string) => StoredLimit | undefined;
  readonly nowMs: number;
  readonly ttlMs: number;
};

export type Decision = {
  readonly answer: LeaseAnswer;
  readonly granted: readonly Lease[];
  readonly changed: readonly Lease[];
  readonly changes: WindowChanges;
};

/**
 * What one call of the lease API comes to: reports first, so that what they give back can be granted again, then wants.
 * Pure; the caller stores the outcome and sends the answer.
 *
 * @throws BudgetsError `report_invalid`
 */
export function decide(input: DecisionInput): Decision {
  const desk = new Desk(input);
  for (const report of input.call.reports) desk.report(report);
  for (const want of input.planned) desk.want(want);
  return desk.decision();
}

class Desk {
  readonly #input: DecisionInput;
  readonly #leases: Map<string, Lease>;
  readonly #changed = new Map<string, Lease>();
  readonly #granted = new Map<string, Lease>();
  readonly #changes = new WindowChanges();
  readonly #touched = new Map<string, WindowKey>();
  readonly #refused: LeaseRefusal[];
  readonly #reported: ReportedLease[] = [];
  readonly #answered: GrantedLease[] = [];

  constructor(input: DecisionInput) {
    this.#input = input;
    this.#leases = new Map(input.leases);
    this.#refused = [...input.refused];
  }

  report(report: LeaseCall['reports'][number]): void {
    const { call, nowMs, ttlMs } = this.#input;
    const lease = this.#leases.get(report.lease_id);
    const limit = lease === undefined ? undefined : this.#input.limitOf(lease.limitId);
    if (lease === undefined || limit === undefined || lease.instance !== call.instance) {
      this.#reported.push({
        lease_id: report.lease_id,
        state: 'unknown',
        expires_at: null,
        expires_in_ms: null,
      });
      return;
    }
    const settled = settledOf(limit, report);
    const next = reported(lease, { settled, final: report.final }, { nowMs, ttlMs });
    this.#store(lease, next);
    const open = next.state === 'open';
    this.#reported.push({
      lease_id: report.lease_id,
      state: open ? 'open' : 'closed',
      expires_at: open ? iso(next.expiresAtMs) : null,
      expires_in_ms: open ? Math.max(0, next.expiresAtMs - nowMs) : null,
    });
  }

  want(want: PlannedWant): void {
    const { call, nowMs, ttlMs } = this.#input;
    const key = { limitId: want.limit.limitId, startsAtMs: want.windowStartsAtMs };
    this.#touched.set(windowKeyText(key), key);
    const known = this.#leases.get(want.leaseId);
    if (known !== undefined) {
      this.#again(want, known);
      return;
    }
    const granted = grantOf(this.#remaining(key), want);
    if (granted === 0n) {
      this.#refuse(want, 'exhausted');
      return;
    }
    const lease: Lease = {
      leaseId: want.leaseId,
      limitId: key.limitId,
      windowStartsAtMs: key.startsAtMs,
      instance: call.instance,
      source: call.source,
      granted,
      held: granted,
      settled: 0n,
      confirmed: 0n,
      state: 'open',
      expiresAtMs: nowMs + ttlMs,
      closedAtMs: null,
    };
    this.#leases.set(lease.leaseId, lease);
    this.#granted.set(lease.leaseId, lease);
    this.#changes.replace(key, null, sumsOf(lease));
    this.#changes.of(key).newlyGranted += granted;
    this.#answer(want, lease);
  }

  decision(): Decision {
    return {
      answer: {
        leases: this.#answered,
        refused: this.#refused,
        reported: this.#reported,
        states: [...this.#touched.values()].flatMap((key) => this.#state(key)),
      },
      granted: [...this.#granted.values()],
      changed: [...this.#changed.values()],
      changes: this.#changes,
    };
  }

  /** The same want once more: its reply was lost, or it is on its way still. */
  #again(want: PlannedWant, lease: Lease): void {
    const { call, nowMs, ttlMs } = this.#input;
    const same =
      lease.instance === call.instance &&
      lease.limitId === want.limit.limitId &&
      lease.windowStartsAtMs === want.windowStartsAtMs;
    if (!same) this.#refuse(want, 'want_invalid');
    else if (lease.state !== 'open') this.#refuse(want, 'lease_closed');
    else {
      const renewed = reported(lease, { settled: 0n, final: false }, { nowMs, ttlMs });
      this.#store(lease, renewed);
      this.#answer(want, renewed);
    }
  }

  #store(before: Lease, after: Lease): void {
    const key = { limitId: after.limitId, startsAtMs: after.windowStartsAtMs };
    this.#touched.set(windowKeyText(key), key);
    this.#leases.set(after.leaseId, after);
    // One that this very call was granted is inserted as it is.
    if (this.#granted.has(after.leaseId)) this.#granted.set(after.leaseId, after);
    else this.#changed.set(after.leaseId, after);
    this.#changes.replace(key, sumsOf(before), sumsOf(after));
  }

  #remaining(key: WindowKey): Units {
    const row = this.#input.windows.get(windowKeyText(key));
    if (row === undefined) throw new BudgetsError('invariant_broken', 'a window was not locked');
    const change = this.#changes.of(key);
    return remainingOf({
      amount: row.amount,
      granted: row.granted + change.granted,
      overshoot: row.overshoot + change.overshoot,
      unleased: row.unleased,
    });
  }

  #refuse(want: PlannedWant, code: LeaseRefusal['code']): void {
    this.#refused.push({ lease_id: want.leaseId, limit_id: want.limit.limitId, code });
  }

  #answer(want: PlannedWant, lease: Lease): void {
    this.#answered.push({
      lease_id: lease.leaseId,
      limit_id: lease.limitId,
      window_starts_at: iso(lease.windowStartsAtMs),
      window_ends_at: iso(want.windowEndsAtMs),
      granted: formatUnits(want.limit.unit, lease.granted),
      expires_at: iso(lease.expiresAtMs),
      expires_in_ms: Math.max(0, lease.expiresAtMs - this.#input.nowMs),
    });
  }

  #state(key: WindowKey): WindowState[] {
    const row = this.#input.windows.get(windowKeyText(key));
    const limit = this.#input.limitOf(key.limitId);
    if (row === undefined || limit === undefined) return [];
    const change = this.#changes.of(key);
    return [
      {
        limit_id: key.limitId,
        version: limit.version,
        window_starts_at: iso(row.startsAtMs),
        window_ends_at: iso(row.endsAtMs),
        limit: formatUnits(limit.unit, row.amount),
        granted: formatUnits(limit.unit, row.granted + change.granted),
        settled: formatUnits(limit.unit, row.settled + change.settled),
        remaining: formatUnits(limit.unit, this.#remaining(key)),
      },
    ];
  }
}

function settledOf(limit: StoredLimit, report: LeaseCall['reports'][number]): Units {
  try {
    return parseUnits(limit.unit, report.settled);
  } catch (error) {
    if (!(error instanceof LimitError)) throw error;
    throw new BudgetsError('report_invalid', `report of ${report.lease_id}: settled: ${error.message}`, {
      cause: error,
    });
  }
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
