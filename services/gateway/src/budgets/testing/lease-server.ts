import {
  formatUnits,
  type GrantedLease,
  type LeaseAnswer,
  type LeaseCall,
  type LeaseRefusal,
  type Limit,
  leaseAnswer,
  leaseCall,
  parseUnits,
  type ReportedLease,
  type Units,
  type WindowState,
  windowAt,
} from '@tollgate/limits';

/** How long leases live, in milliseconds. */
const TERM_MS = 10_000;

interface Kept {
  readonly id: string;
  readonly instance: string;
  readonly limitId: string;
  readonly startsAtMs: number;
  readonly granted: Units;
  settled: Units;
  open: boolean;
}

/** What goes wrong with a call. `lost`: it is heard, its reply is not. `away`: neither. `twice`: heard twice. */
export type CallFault = 'none' | 'lost' | 'away' | 'twice';

/** The budgets service's side of the lease contract, in memory and with faults on demand. */
export class LeaseServer {
  readonly calls: LeaseCall[] = [];
  /** What goes wrong with the calls to come, in turn; then nothing does. */
  readonly script: CallFault[] = [];
  /** While set, every call has this fault. */
  fault: CallFault = 'none';
  /** Told before a call is heard; what it returns is waited for. */
  before: () => Promise<void> = () => Promise.resolve();
  readonly #limits = new Map<string, Limit>();
  readonly #leases = new Map<string, Kept>();

  constructor(limits: readonly Limit[]) {
    for (const limit of limits) this.set(limit);
  }

  set(limit: Limit): void {
    this.#limits.set(limit.limitId, limit);
  }

  /** Knows no limit any more. */
  forget(): void {
    this.#limits.clear();
  }

  readonly port = async (call: LeaseCall): Promise<LeaseAnswer> => {
    await this.before();
    return this.hear(call);
  };

  /** @throws where the fault says that there is no answer */
  hear(call: LeaseCall): LeaseAnswer {
    const fault = this.fault === 'none' ? (this.script.shift() ?? 'none') : this.fault;
    if (fault === 'away') throw new Error('nobody answers there');
    this.calls.push(leaseCall.parse(call));
    const answer = this.#answer(call);
    if (fault === 'lost') throw new Error('no answer in time');
    return leaseAnswer.parse(fault === 'twice' ? this.#answer(call) : answer);
  }

  /** What leases hold of a window, as the service reckons: open ones all that was granted, closed ones what was used. */
  held(limitId: string, startsAtMs: number): Units {
    let held = 0n;
    for (const lease of this.#leases.values()) {
      if (lease.limitId !== limitId || lease.startsAtMs !== startsAtMs) continue;
      held += lease.open && lease.granted > lease.settled ? lease.granted : lease.settled;
    }
    return held;
  }

  /** What was reported as used, of one window or over all. */
  settled(limitId: string, startsAtMs?: number): Units {
    let settled = 0n;
    for (const lease of this.#leases.values()) {
      if (lease.limitId !== limitId) continue;
      if (startsAtMs === undefined || lease.startsAtMs === startsAtMs) settled += lease.settled;
    }
    return settled;
  }

  open(): number {
    return [...this.#leases.values()].filter(({ open }) => open).length;
  }

  #answer(call: LeaseCall): LeaseAnswer {
    const reported = call.reports.map((report): ReportedLease => {
      const lease = this.#leases.get(report.lease_id);
      if (lease === undefined || lease.instance !== call.instance) {
        return { lease_id: report.lease_id, state: 'unknown', expires_at: null, expires_in_ms: null };
      }
      const limit = this.#limits.get(lease.limitId);
      const settled = parseUnits(limit?.unit ?? 'requests', report.settled);
      if (settled > lease.settled) lease.settled = settled;
      if (report.final) lease.open = false;
      return {
        lease_id: report.lease_id,
        state: lease.open ? 'open' : 'closed',
        expires_at: lease.open ? new Date(TERM_MS).toISOString() : null,
        expires_in_ms: lease.open ? TERM_MS : null,
      };
    });
    const leases: GrantedLease[] = [];
    const refused: LeaseRefusal[] = [];
    const states: WindowState[] = [];
    for (const want of call.wants) {
      const limit = this.#limits.get(want.limit_id);
      const startsAtMs = Date.parse(want.window_starts_at);
      const refuse = (code: LeaseRefusal['code']) =>
        refused.push({ lease_id: want.lease_id, limit_id: want.limit_id, code });
      if (limit === undefined) {
        refuse('limit_unknown');
        continue;
      }
      const { endsAtMs } = windowAt(limit, startsAtMs);
      const lease = this.#leases.get(want.lease_id) ?? this.#grant(call.instance, want, limit, startsAtMs);
      if (lease === null) refuse('exhausted');
      else if (!lease.open) refuse('lease_closed');
      else {
        leases.push({
          lease_id: lease.id,
          limit_id: limit.limitId,
          window_starts_at: want.window_starts_at,
          window_ends_at: new Date(endsAtMs).toISOString(),
          granted: formatUnits(limit.unit, lease.granted),
          expires_at: new Date(TERM_MS).toISOString(),
          expires_in_ms: TERM_MS,
        });
      }
      const held = this.held(limit.limitId, startsAtMs);
      states.push({
        limit_id: limit.limitId,
        version: limit.version,
        window_starts_at: want.window_starts_at,
        window_ends_at: new Date(endsAtMs).toISOString(),
        limit: formatUnits(limit.unit, limit.amount),
        granted: formatUnits(limit.unit, held),
        settled: formatUnits(limit.unit, this.settled(limit.limitId, startsAtMs)),
        remaining: formatUnits(limit.unit, held > limit.amount ? 0n : limit.amount - held),
      });
    }
    return { leases, refused, reported, states };
  }

  #grant(instance: string, want: LeaseCall['wants'][number], limit: Limit, startsAtMs: number): Kept | null {
    const left = limit.amount - this.held(limit.limitId, startsAtMs);
    const minimum = parseUnits(limit.unit, want.minimum);
    const amount = parseUnits(limit.unit, want.amount);
    if (left < minimum || left <= 0n) return null;
    const half = left / 2n > minimum ? left / 2n : minimum;
    const granted = amount < half ? amount : half;
    const lease = {
      id: want.lease_id,
      instance,
      limitId: limit.limitId,
      startsAtMs,
      granted,
      settled: 0n,
      open: true,
    };
    this.#leases.set(lease.id, lease);
    return lease;
  }
}
