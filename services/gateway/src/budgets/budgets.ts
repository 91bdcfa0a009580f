import type { Quantities } from '@tollgate/events';
import type { FollowedLimits, Limit, Units } from '@tollgate/limits';
import type { FollowedPrices } from '@tollgate/pricing';
import type { Logger } from '@tollgate/telemetry';
import type { RequestFacts } from '../body/request-body.ts';
import type { Caller } from '../callers/caller.ts';
import type { Clock } from '../clock.ts';
import { type Refusal, refuse } from '../errors.ts';
import { attributionAt, attributionOf } from '../events/attribution-text.ts';
import type { Policy } from '../policy/policy.ts';
import type { Target } from '../routing/target.ts';
import { type AttemptUse, amountOf, mostOf, type Pricing, quantitiesOf } from './amounts.ts';
import { type Applicable, ApplicableLimits, isTooMany } from './applicable-limits.ts';
import { boundOf, needsOutputLimit } from './bounds.ts';
import type { BudgetTallies } from './budget-metrics.ts';
import { Calibration } from './calibration.ts';
import { headersOf, limitReached, standingOf, unbounded, unpriced } from './denial.ts';
import { exchangeOf, RECHECK_MS } from './lease-exchange.ts';
import { LeaseLoop, type LeasePort } from './lease-loop.ts';
import type { Headers } from './limit-headers.ts';
import type { LimitLedger } from './limit-ledger.ts';
import { type Draw, type Need, Reservation, reserveAll } from './reservation.ts';
import { type Short, type Waiter, WaitingLine } from './waiting-line.ts';

export interface BudgetSettings {
  /** How long a request waits for a lease, in milliseconds. */
  readonly waitMs: number;
  /** How many requests wait at once; whoever comes beyond is refused. */
  readonly maxWaiting: number;
  /** `max_tokens` set upstream where a strict limit applies and the body has none. */
  readonly strictMaxTokens: number;
}

export interface BudgetParts {
  readonly settings: BudgetSettings;
  readonly clock: Clock;
  readonly limits: FollowedLimits;
  readonly prices: FollowedPrices;
  /** Whether limits and prices have been read to their end once. */
  readonly known: () => boolean;
  /** The budgets service; null where none is configured. */
  readonly port: LeasePort | null;
  readonly instance: string;
  readonly source: string;
  readonly newId: () => string;
  readonly tallies: BudgetTallies;
  readonly log: Logger;
}

/** A request that limits apply to. */
export interface BudgetRequest {
  readonly applicable: Applicable;
  readonly facts: RequestFacts;
  readonly target: Target;
  /** Of the body as it is sent, without what the gateway adds. */
  readonly bodyBytes: number;
  /** When it arrived, in milliseconds since the epoch. */
  readonly atMs: number;
}

/** What a request holds while it runs, and how its answer tells of it. */
export interface Held {
  readonly reservation: Reservation;
  readonly request: BudgetRequest;
  readonly headers: Headers;
}

/** Has to wait: the needs are handed back to {@link Budgets.wait}. */
export interface Pending {
  readonly needs: readonly Need[];
}

/**
 * Holds requests to the limits: reserves for each what it may need, in memory, from leases that a loop takes from the
 * budgets service, and settles to what it used.
 */
export class Budgets {
  readonly #parts: BudgetParts;
  readonly #applicable: ApplicableLimits;
  readonly #calibration = new Calibration();
  readonly #line: WaitingLine;
  readonly #loop: LeaseLoop | null;
  #serving = false;
  #tickedMs: number;

  constructor(parts: BudgetParts) {
    this.#parts = parts;
    this.#applicable = new ApplicableLimits(parts.limits);
    this.#line = new WaitingLine(parts.settings.maxWaiting);
    this.#tickedMs = parts.clock.monotonic();
    const { port } = parts;
    this.#loop =
      port === null
        ? null
        : new LeaseLoop({
            ...parts,
            port,
            ledgers: this.#applicable.ledgers,
            exchange: (everything) => this.#exchange(everything),
            beat: () => this.serve(),
          });
    parts.tallies.observe({
      waiting: () => this.#line.size,
      available: () => parts.known() && this.trouble() === null,
    });
  }

  start(): void {
    this.#loop?.start();
  }

  /** Looks through the ledgers now, as the timer does. */
  tick(): void {
    this.#loop?.tick();
  }

  /** Gives every lease back, within the deadline. Call it when nothing is in flight any more. */
  async stop(deadlineMs: number): Promise<void> {
    await this.#loop?.stop(deadlineMs);
  }

  /** Why limits can't be enforced just now; null where they can, or where there are none. */
  trouble(): string | null {
    const { limits, prices, known } = this.#parts;
    if (!known()) return 'the limits have not been read yet';
    const wrong = limits.trouble() ?? prices.trouble();
    if (wrong !== null || !this.#applicable.any) return wrong;
    if (this.#loop === null) return 'there are limits, but TOLLGATE_BUDGETS_URL is not set';
    return this.#loop.trouble();
  }

  /** The limits that apply to a request; null where none does, at the cost of a look-up. */
  applicable(caller: Caller, policy: Policy, model: string, target: Target): Applicable | null {
    if (this.#parts.known()) return this.#applicable.to(caller, policy, model, target);
    const attribution = attributionOf(caller, policy, model, target);
    return { ledgers: [], attribution, boundsOutput: false, known: false };
  }

  /** `max_tokens` that has to be set upstream for strict limits to hold; null where the body may stay as it is. */
  outputLimit({ applicable, facts }: BudgetRequest): number | null {
    const { strictMaxTokens } = this.#parts.settings;
    return applicable.boundsOutput && needsOutputLimit(facts) ? strictMaxTokens : null;
  }

  /** Reserves what a request may need, refuses it, or says that it has to wait for a lease. No I/O. */
  reserve(request: BudgetRequest): Held | Refusal | Pending {
    const { applicable } = request;
    if (!applicable.known || isTooMany(applicable)) return this.#denied(refuse('budgets_unavailable'));
    const needs = this.#needs(request);
    if (!Array.isArray(needs)) return this.#denied(needs);
    const monotonicMs = this.#parts.clock.monotonic();
    const draws = reserveAll(needs, monotonicMs);
    if (draws !== null) return this.#held(request, draws, needs);
    for (const need of needs) {
      const short = this.#hopeless(need, monotonicMs);
      if (short !== null) return this.#denied(this.#refusal(short, needs));
    }
    if (this.#line.full) return this.#denied(refuse('budgets_unavailable'));
    return { needs };
  }

  /**
   * Waits for what a request needs. Calls back once.
   * @returns ends the waiting; false where it has ended
   */
  wait(request: BudgetRequest, { needs }: Pending, done: (outcome: Held | Refusal) => void): () => boolean {
    this.#parts.tallies.waited();
    const waiter: Waiter = {
      needs,
      sinceMs: this.#parts.clock.monotonic(),
      granted: (draws) => done(this.#held(request, draws, needs)),
      refused: (short) => done(this.#denied(this.#refusal(short, needs))),
    };
    this.#line.add(waiter);
    this.#loop?.urge();
    return () => this.#line.leave(waiter);
  }

  /**
   * Ends what a request holds with what all its attempts used.
   *
   * @param last the attempt that the request ended with
   * @param counted whether the upstream said so
   * @param earlier the attempts before it; null where there was none
   */
  settle(
    { reservation, request }: Held,
    last: AttemptUse,
    counted: boolean,
    earlier: readonly AttemptUse[] | null,
  ): void {
    if (counted) this.#calibration.learn(last.target.id, request.facts, last.quantities);
    const pricing = this.#pricingAt(request, last.target);
    reservation.settle(({ limit }) => {
      const used = amountOf(limit, last.quantities, pricing);
      return earlier === null ? used : this.#sum(limit, request, earlier, used);
    });
    if (this.#line.size > 0) this.#serveSoon();
  }

  /**
   * Whether strict limits still hold if one more target is asked: whether what was used so far and the most that the
   * next attempt can use can be held. If so, it is.
   */
  affords({ reservation, request }: Held, target: Target, earlier: readonly AttemptUse[]): boolean {
    const { facts, bodyBytes } = request;
    const bound = boundOf(facts, bodyBytes, this.#parts.settings.strictMaxTokens);
    const pricing = this.#pricingAt(request, target);
    const required = ({ limit }: LimitLedger): Units | null => {
      if (!limit.strict) return 0n;
      const most = mostOf(limit, bound, pricing);
      return most === null ? null : this.#sum(limit, request, earlier, most);
    };
    return reservation.raise(required, this.#parts.clock.monotonic());
  }

  /** What attempts used of a limit that others followed, and one that ends the request. */
  #sum(
    limit: Limit,
    request: BudgetRequest,
    earlier: readonly AttemptUse[],
    last: Units | null,
  ): Units | null {
    const used = earlier.map(({ target, quantities }) =>
      amountOf(limit, quantities, this.#pricingAt(request, target), false),
    );
    const known = [...used, last].filter((units) => units !== null);
    return known.length === 0 ? null : known.reduce((sum, units) => sum + units, 0n);
  }

  /** Gives back what a request holds that was not let in after all. */
  cancel({ reservation }: Held): void {
    reservation.cancel();
    if (this.#line.size > 0) this.#serveSoon();
  }

  /** Lets those go on who wait for what has come free. */
  serve(): void {
    const monotonicMs = this.#parts.clock.monotonic();
    this.#line.serve(monotonicMs, (need, sinceMs) => this.#hopeless(need, sinceMs));
    if (this.#line.size > 0) this.#loop?.urge();
  }

  /** Whether a need can't be met, and waiting would not help. */
  #hopeless(need: Need, sinceMs: number): Short | null {
    const { window, ledger, amount } = need;
    const nowMs = this.#parts.clock.monotonic();
    if (window.leases.some((lease) => lease.canGive(amount, nowMs))) return null;
    if (amount > ledger.limit.amount) return { why: 'exhausted', need };
    const { units, knownMs } = window.remaining;
    const said = knownMs >= sinceMs || nowMs - knownMs < RECHECK_MS;
    const attainable = units + window.returnable() + window.reserved();
    if (said && amount > attainable) return { why: 'exhausted', need };
    const rejected = nowMs - window.rejectedMs < RECHECK_MS;
    if (rejected || this.#loop === null || this.#loop.away) return { why: 'unavailable', need };
    if (nowMs - sinceMs < this.#parts.settings.waitMs) return null;
    return { why: said ? 'exhausted' : 'unavailable', need };
  }

  #needs(request: BudgetRequest): Need[] | Refusal {
    const { applicable, facts, target, bodyBytes, atMs } = request;
    const pricing = this.#pricing(request);
    const needs: Need[] = [];
    let estimate: Quantities | null = null;
    for (const ledger of applicable.ledgers) {
      const { limit } = ledger;
      let amount: Units | null;
      if (limit.strict) {
        const untold = facts.extent.hiddenInput ? unbounded({ ledger }) : null;
        if (untold !== null) return untold;
        const bound = boundOf(facts, bodyBytes, this.#parts.settings.strictMaxTokens);
        amount = mostOf(limit, bound, pricing);
        if (amount === null) return unpriced({ ledger });
      } else {
        estimate ??= quantitiesOf(this.#calibration.estimate(target.id, facts));
        amount = amountOf(limit, estimate, pricing);
        if (amount === null) this.#parts.tallies.unpriced();
        else if (amount === 0n && limit.unit !== 'money') amount = 1n;
      }
      if (amount !== null && amount > 0n) needs.push({ ledger, window: ledger.windowAt(atMs), amount });
    }
    return needs;
  }

  #held(request: BudgetRequest, draws: readonly Draw[], needs: readonly Need[]): Held {
    const { clock } = this.#parts;
    return {
      reservation: new Reservation(draws, this.#settled),
      request,
      headers: headersOf(needs, clock.now(), clock.monotonic()),
    };
  }

  readonly #settled = ({ need: { ledger }, amount }: Draw, used: Units | null): void => {
    const { tallies } = this.#parts;
    if (used === null) {
      tallies.unpriced();
      return;
    }
    ledger.used(used);
    if (used > amount) tallies.overshot(ledger.limit.unit, ledger.limit.strict, Number(used - amount));
  };

  #refusal({ why, need }: Short, needs: readonly Need[]): Refusal {
    const { clock } = this.#parts;
    const [nowMs, monotonicMs] = [clock.now(), clock.monotonic()];
    const headers = headersOf(needs, nowMs, monotonicMs);
    if (why === 'unavailable') return { ...refuse('budgets_unavailable'), headers };
    return limitReached(need, standingOf(need, nowMs, monotonicMs), headers);
  }

  #denied(refusal: Refusal): Refusal {
    this.#parts.tallies.denied(refusal.code);
    return refusal;
  }

  #pricing({ applicable, atMs }: BudgetRequest): Pricing {
    return { book: this.#parts.prices.book(), attribution: applicable.attribution, atMs };
  }

  #pricingAt(request: BudgetRequest, target: Target): Pricing {
    const pricing = this.#pricing(request);
    if (target === request.target) return pricing;
    return { ...pricing, attribution: attributionAt(pricing.attribution, target) };
  }

  #serveSoon(): void {
    if (this.#serving) return;
    this.#serving = true;
    setImmediate(() => {
      this.#serving = false;
      this.serve();
    });
  }

  #exchange(everything: boolean) {
    const { clock, newId } = this.#parts;
    const at = { nowMs: clock.now(), monotonicMs: clock.monotonic() };
    const sinceMs = at.monotonicMs - this.#tickedMs;
    // Rates are measured over some time, however often somebody waits.
    const measured = sinceMs >= RECHECK_MS;
    if (measured) this.#tickedMs = at.monotonicMs;
    const ledgers = [...this.#applicable.ledgers.values()];
    if (measured) for (const ledger of ledgers) ledger.tick(sinceMs);
    const inForce = (ledger: LimitLedger) => this.#applicable.inForce(ledger);
    const demand = this.#line.demand(at.monotonicMs);
    const exchange = exchangeOf(ledgers, demand, at, newId, inForce, everything);
    this.#applicable.sweep(at.nowMs);
    return exchange;
  }
}

/** Whether a request may go on. */
export function isHeld(outcome: Held | Refusal | Pending): outcome is Held {
  return 'reservation' in outcome;
}

/** Whether a request has to wait. */
export function isPending(outcome: Held | Refusal | Pending): outcome is Pending {
  return 'needs' in outcome;
}
