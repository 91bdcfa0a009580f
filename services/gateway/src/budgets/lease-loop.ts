import type { LeaseAnswer, LeaseCall } from '@tollgate/limits';
import type { Logger } from '@tollgate/telemetry';
import type { Clock } from '../clock.ts';
import type { BudgetTallies } from './budget-metrics.ts';
import { applyAnswer, callOf, type Exchange } from './lease-exchange.ts';
import type { LimitLedger } from './limit-ledger.ts';

/** How often the ledgers are looked through, in milliseconds. */
export const TICK_MS = 250;

/** Reports that nobody waits for go out at most this often, in milliseconds. */
const REPORT_INTERVAL_MS = 500;

/** Between the end of a call and the next that somebody waits for, in milliseconds. */
const URGENT_GAP_MS = 10;

/** After a failed call, in milliseconds: the first time soon, since somebody may wait. */
const BACK_OFF_MS = [50, 250, 500, 1000, 2000] as const;

/** Calls that failed in a row until the service counts as away. */
const AWAY_AFTER = 2;

/** Calls at the end, to give everything back. */
const LAST_CALLS = 3;

/** The lease call of the budgets service. @throws where there is no answer */
export type LeasePort = (call: LeaseCall) => Promise<LeaseAnswer>;

export interface LeaseLoopParts {
  readonly port: LeasePort;
  readonly instance: string;
  /** `/gateways/<instance>/<epoch>`. */
  readonly source: string;
  readonly ledgers: ReadonlyMap<string, LimitLedger>;
  /** What is to be said and asked just now. */
  readonly exchange: (everything: boolean) => Exchange;
  /** Called after each call, answered or not, and before each look through the ledgers. */
  readonly beat: () => void;
  readonly clock: Clock;
  readonly tallies: BudgetTallies;
  readonly log: Logger;
}

/** Talks to the budgets service: one call at a time, a few per second, sooner where requests wait for it. */
export class LeaseLoop {
  readonly #parts: LeaseLoopParts;
  #timer: NodeJS.Timeout | null = null;
  #soon: NodeJS.Timeout | null = null;
  #call: Promise<void> | null = null;
  #failures = 0;
  #endedMs = Number.NEGATIVE_INFINITY;
  #trouble: string | null = null;
  #stopped = false;

  constructor(parts: LeaseLoopParts) {
    this.#parts = parts;
  }

  /** Whether the service has not answered for some calls. */
  get away(): boolean {
    return this.#failures >= AWAY_AFTER;
  }

  /** Why the service does not answer; null where it does, or nobody has asked. */
  trouble(): string | null {
    return this.away ? this.#trouble : null;
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      this.#parts.beat();
      this.tick();
    }, TICK_MS).unref();
  }

  /** What the timer does: says and asks what is due. */
  tick(): void {
    if (this.#call !== null || this.#stopped || this.#sinceEndMs() < this.#pauseMs()) return;
    const exchange = this.#parts.exchange(false);
    const reportsDue = exchange.reports.length > 0 && this.#sinceEndMs() >= REPORT_INTERVAL_MS;
    if (exchange.wants.length > 0 || reportsDue) this.#send(exchange);
  }

  /** Somebody waits: asks as soon as no call is under way, together with whoever comes in the same turn. */
  urge(): void {
    if (this.#soon !== null || this.#call !== null || this.#stopped) return;
    const pauseMs = Math.max(URGENT_GAP_MS, this.#pauseMs()) - this.#sinceEndMs();
    this.#soon = setTimeout(this.#asked, Math.max(0, pauseMs));
  }

  readonly #asked = (): void => {
    this.#soon = null;
    if (this.#call !== null || this.#stopped) return;
    const exchange = this.#parts.exchange(false);
    if (exchange.wants.length > 0) this.#send(exchange);
  };

  /** Ends the loop and gives everything back, within the deadline. */
  async stop(deadlineMs: number): Promise<void> {
    this.#stopped = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    if (this.#soon !== null) clearTimeout(this.#soon);
    const { promise: over, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, deadlineMs);
    await Promise.race([this.#giveBack(), over]);
    clearTimeout(timer);
  }

  async #giveBack(): Promise<void> {
    await this.#call;
    for (let i = 0; i < LAST_CALLS; i += 1) {
      const exchange = this.#parts.exchange(true);
      if (exchange.reports.length === 0 && exchange.wants.length === 0) return;
      await this.#exchange(exchange);
    }
  }

  #send(exchange: Exchange): void {
    this.#call = this.#exchange(exchange).finally(() => {
      this.#call = null;
      this.#parts.beat();
    });
  }

  async #exchange(exchange: Exchange): Promise<void> {
    const { port, instance, source, ledgers, clock, tallies, log } = this.#parts;
    const sentMs = clock.monotonic();
    try {
      const answer = await port(callOf(exchange, instance, source));
      applyAnswer(ledgers, exchange, answer, sentMs);
      tallies.called('answered');
      if (this.away) log.info('the budgets service answers again');
      this.#failures = 0;
    } catch (error) {
      tallies.called('failed');
      this.#failures += 1;
      this.#trouble = `the budgets service gives no leases: ${error instanceof Error ? error.message : String(error)}`;
      if (this.#failures === AWAY_AFTER) {
        log.warn({ err: error }, 'the budgets service gives no leases; those held are spent');
      }
    } finally {
      this.#endedMs = clock.monotonic();
    }
  }

  #sinceEndMs(): number {
    return this.#parts.clock.monotonic() - this.#endedMs;
  }

  #pauseMs(): number {
    if (this.#failures === 0) return 0;
    return BACK_OFF_MS[Math.min(this.#failures, BACK_OFF_MS.length) - 1] ?? 0;
  }
}
