import type { Attribution } from '@tollgate/events';
import type { FollowedLimits } from '@tollgate/limits';
import type { Caller } from '../callers/caller.ts';
import { attributionOf } from '../events/attribution-text.ts';
import type { Policy } from '../policy/policy.ts';
import type { Target } from '../routing/target.ts';
import { LimitLedger } from './limit-ledger.ts';

/** An event holds no more lease ids. */
const MAX_LIMITS_PER_REQUEST = 32;

/** The limits that apply to a caller's requests for one model. */
export interface Applicable {
  readonly ledgers: readonly LimitLedger[];
  readonly attribution: Attribution;
  /** Whether a strict limit counts output, which then has to be bounded upstream. */
  readonly boundsOutput: boolean;
  /** False where nobody knows, because the limits have not been read yet. */
  readonly known: boolean;
}

interface Remembered {
  readonly changes: number;
  readonly policy: Policy;
  /** By target, with the model that was asked for; a policy has few. Null: no limit applies. */
  readonly byTarget: Map<Target, { readonly model: string; readonly applicable: Applicable | null }>;
}

/**
 * Which limits apply to a request. A caller object stands for one version of a key, so what was found for it is
 * remembered with it until the limits change: a request costs two look-ups in maps, and where no limit is set at all,
 * one comparison.
 */
export class ApplicableLimits {
  /** Every limit that requests have met, by id. */
  readonly ledgers = new Map<string, LimitLedger>();
  readonly #limits: FollowedLimits;
  #byCaller = new WeakMap<Caller, Remembered>();
  #changes = -1;
  #none = true;

  constructor(limits: FollowedLimits) {
    this.#limits = limits;
  }

  /** Whether any limit is in force. */
  get any(): boolean {
    if (this.#changes !== this.#limits.changes()) this.#refresh();
    return !this.#none;
  }

  /** Null where no limit applies. */
  to(caller: Caller, policy: Policy, model: string, target: Target): Applicable | null {
    if (!this.any) return null;
    let remembered = this.#byCaller.get(caller);
    if (remembered === undefined || remembered.changes !== this.#changes || remembered.policy !== policy) {
      remembered = { changes: this.#changes, policy, byTarget: new Map() };
      this.#byCaller.set(caller, remembered);
    }
    const known = remembered.byTarget.get(target);
    if (known !== undefined && known.model === model) return known.applicable;
    const applicable = this.#find(attributionOf(caller, policy, model, target));
    remembered.byTarget.set(target, { model, applicable });
    return applicable;
  }

  /** Whether a ledger's limit is still in force. */
  inForce(ledger: LimitLedger): boolean {
    return this.#limits.get(ledger.limit.limitId) !== undefined;
  }

  /** Forgets ledgers that hold nothing and whose windows are over. */
  sweep(nowMs: number): void {
    for (const [id, ledger] of this.ledgers) {
      ledger.sweep(nowMs);
      if (ledger.windows.size === 0 && !this.inForce(ledger)) this.ledgers.delete(id);
    }
  }

  #refresh(): void {
    this.#changes = this.#limits.changes();
    const limits = this.#limits.all();
    this.#none = limits.length === 0;
    for (const limit of limits) {
      const ledger = this.ledgers.get(limit.limitId);
      if (ledger !== undefined) ledger.limit = limit;
    }
  }

  #find(attribution: Attribution): Applicable | null {
    const limits = this.#limits.of(attribution);
    if (limits.length === 0) return null;
    const ledgers = limits.map((limit) => {
      let ledger = this.ledgers.get(limit.limitId);
      if (ledger === undefined) {
        ledger = new LimitLedger(limit);
        this.ledgers.set(limit.limitId, ledger);
      }
      return ledger;
    });
    const boundsOutput = limits.some(
      ({ strict, unit }) => strict && unit !== 'requests' && unit !== 'input-tokens',
    );
    return { ledgers, attribution, boundsOutput, known: true };
  }
}

/** Whether more limits apply than an event can name leases of. */
export function isTooMany({ ledgers }: Applicable): boolean {
  return ledgers.length > MAX_LIMITS_PER_REQUEST;
}
