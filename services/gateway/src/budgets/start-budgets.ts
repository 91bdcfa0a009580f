import type { Bus, Follower } from '@tollgate/bus';
import { type ServiceClient, type Stoppable, stopInOrder } from '@tollgate/http';
import { FollowedLimits, LEASES_PATH, leaseAnswer } from '@tollgate/limits';
import { FollowedPrices } from '@tollgate/pricing';
import type { Logger, Metrics } from '@tollgate/telemetry';
import type { Clock } from '../clock.ts';
import { BudgetTallies } from './budget-metrics.ts';
import { type BudgetSettings, Budgets } from './budgets.ts';
import type { LeasePort } from './lease-loop.ts';

/** How long one lease call may take, in milliseconds: less than a request waits, so that it can be tried again. */
export const LEASE_TIMEOUT_MS = 1500;

/** For giving leases back at the end, in milliseconds. */
const RETURN_DEADLINE_MS = 2000;

export interface StartBudgetsParts {
  readonly bus: Bus;
  readonly settings: BudgetSettings;
  readonly limitsSnapshot: string;
  readonly pricesSnapshot: string;
  /** Of the budgets service, with a deadline of {@link LEASE_TIMEOUT_MS}; null where none is configured. */
  readonly client: ServiceClient | null;
  readonly instance: string;
  readonly source: string;
  readonly newId: () => string;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly log: Logger;
}

export interface RunningBudgets extends Stoppable {
  readonly budgets: Budgets;
  /** Why limits can't be enforced just now; empty where they can. */
  troubles(): string[];
}

/** Follows limits and prices, and begins to take leases. Stop it once nothing is in flight any more. */
export async function startBudgets(parts: StartBudgetsParts): Promise<RunningBudgets> {
  const { bus, log, client } = parts;
  const limits = new FollowedLimits();
  const prices = new FollowedPrices();
  const started: Stoppable[] = [];
  try {
    const followers: Follower[] = [];
    for (const [topic, state, snapshotFile] of [
      ['limits', limits, parts.limitsSnapshot],
      ['prices', prices, parts.pricesSnapshot],
    ] as const) {
      const follower = await bus.follow({ topic, snapshotFile, apply: (message) => state.apply(message) });
      started.push(follower);
      followers.push(follower);
    }
    let known = false;
    Promise.all(followers.map(({ ready }) => ready)).then(
      () => {
        known = true;
      },
      // Stopped before they came; anything else shows in the followers' trouble.
      (error: unknown) => log.debug({ err: error }, 'the limits never came'),
    );
    const budgets = new Budgets({
      ...parts,
      limits,
      prices,
      known: () => known,
      port: client === null ? null : leasePort(client),
      tallies: new BudgetTallies(parts.metrics),
    });
    budgets.start();
    started.push({ stop: () => budgets.stop(RETURN_DEADLINE_MS) });
    return {
      budgets,
      stop: () => stopInOrder(started).stop(),
      troubles: () =>
        [budgets.trouble(), ...followers.map((follower) => follower.trouble())].filter(
          (trouble) => trouble !== null,
        ),
    };
  } catch (error) {
    await stopInOrder(started).stop();
    throw error;
  }
}

function leasePort(client: ServiceClient): LeasePort {
  return (body) => client.call({ method: 'POST', path: LEASES_PATH, body, answer: leaseAnswer });
}
