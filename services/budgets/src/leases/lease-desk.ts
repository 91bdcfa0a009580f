import { type Pool, transaction } from '@tollgate/database';
import type { Reach } from '@tollgate/http';
import type { LeaseCall } from '@tollgate/limits';
import type { StoredLimitBook } from '../limits/limit-book.ts';
import type { StoredLimit } from '../limits/stored-limit.ts';
import { lockWindows } from '../windows/window-store.ts';
import { type Decision, decide } from './decide.ts';
import { lockLeases } from './lease-store.ts';
import { planWants } from './plan-wants.ts';
import { writeOutcome } from './write-outcome.ts';

export type LeaseDeskOptions = {
  readonly pool: Pool;
  readonly book: StoredLimitBook;
  /** How long a lease can be drawn on after its gateway's last word. */
  readonly leaseTtlMs: number;
  /** Milliseconds since 1970. */
  readonly now: () => number;
};

const UNIQUE_VIOLATION = '23505';
/** A want that is sent twice at once meets itself once; the second look finds the lease. */
const MAX_TRIES = 3;

/**
 * Grants, renews and takes back leases: one transaction per call, which holds the rows of its leases and windows, in
 * one order for all, while `decide` reckons.
 */
export class LeaseDesk {
  readonly #options: LeaseDeskOptions;

  constructor(options: LeaseDeskOptions) {
    this.#options = options;
  }

  /**
   * @param reach limits beyond it are unknown to the caller
   * @throws BudgetsError `report_invalid`
   */
  async serve(call: LeaseCall, reach: Reach): Promise<Decision> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#serveOnce(call, reach);
      } catch (error) {
        if (tries >= MAX_TRIES || !isUniqueViolation(error)) throw error;
      }
    }
  }

  #serveOnce(call: LeaseCall, reach: Reach): Promise<Decision> {
    const { pool, book, now, leaseTtlMs } = this.#options;
    return transaction(pool, async (tx) => {
      const limits = await book.forTransaction(tx);
      const limitOf = (limitId: string): StoredLimit | undefined => {
        const limit = limits.get(limitId);
        return limit === undefined || !isReached(limit, reach) ? undefined : limit;
      };
      const ids = [...call.reports, ...call.wants].map(({ lease_id: id }) => id.toLowerCase());
      const leases = await lockLeases(tx, ids);
      const { planned, refused } = planWants(call.wants, limitOf, now());
      const windows = await lockWindows(
        tx,
        [
          ...planned.map(({ limit, windowStartsAtMs }) => ({
            limitId: limit.limitId,
            startsAtMs: windowStartsAtMs,
          })),
          ...[...leases.values()].map(({ limitId, windowStartsAtMs }) => ({
            limitId,
            startsAtMs: windowStartsAtMs,
          })),
        ],
        limits,
      );
      const decision = decide({
        call,
        planned,
        refused,
        leases,
        windows,
        limitOf,
        nowMs: now(),
        ttlMs: leaseTtlMs,
      });
      await writeOutcome(tx, decision);
      return decision;
    });
  }
}

/** Who takes leases of a limit takes them for everybody it applies to, so a part of the organisation is not enough. */
function isReached(limit: StoredLimit, reach: Reach): boolean {
  return (
    reach.teamIds === null && (reach.organisationId === null || reach.organisationId === limit.organisationId)
  );
}

function isUniqueViolation(error: unknown): boolean {
  return typeof error === 'object' && error !== null && 'code' in error && error.code === UNIQUE_VIOLATION;
}
