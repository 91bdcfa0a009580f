import {
  type Environment,
  readConfig,
  type ServiceConfig,
  serviceConfigOf,
  serviceVariables,
  wholeNumber,
} from '@tollgate/http';
import { z } from 'zod';

export const DEFAULT_PORT = 41_013;

const environment = z.object({
  ...serviceVariables(DEFAULT_PORT),
  /** How long a lease can be drawn on after its gateway's last word. */
  BUDGETS_LEASE_TTL_MS: wholeNumber(1_000, 600_000).default(15_000),
  /** The longest that a request can run on a lease that has expired: the gateways' total deadline, and some more. */
  BUDGETS_IN_FLIGHT_MS: wholeNumber(1_000, 86_400_000).default(900_000),
  /** How far gateways' clocks may be from ours. */
  BUDGETS_CLOCK_SKEW_MS: wholeNumber(0, 600_000).default(60_000),
  /** How long the news of a price may come after the first usage of its model, before that is uncounted. */
  BUDGETS_PRICE_GRACE_MS: wholeNumber(0, 30_000).default(5_000),
  /** Usage events that one transaction counts at most. */
  BUDGETS_BATCH_EVENTS: wholeNumber(1, 10_000).default(2_000),
});

export interface BudgetsConfig extends ServiceConfig {
  readonly leaseTtlMs: number;
  readonly inFlightMs: number;
  readonly clockSkewMs: number;
  readonly priceGraceMs: number;
  readonly maxBatch: number;
}

/** @throws ConfigError one line that names the variable */
export function readBudgetsConfig(env: Environment): BudgetsConfig {
  const values = readConfig(environment, env);
  return {
    ...serviceConfigOf(values, env),
    leaseTtlMs: values.BUDGETS_LEASE_TTL_MS,
    inFlightMs: values.BUDGETS_IN_FLIGHT_MS,
    clockSkewMs: values.BUDGETS_CLOCK_SKEW_MS,
    priceGraceMs: values.BUDGETS_PRICE_GRACE_MS,
    maxBatch: values.BUDGETS_BATCH_EVENTS,
  };
}
