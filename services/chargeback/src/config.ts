import {
  type Environment,
  readConfig,
  type ServiceConfig,
  serviceConfigOf,
  serviceVariables,
  wholeNumber,
} from '@tollgate/http';
import { z } from 'zod';
import { DEFAULT_TIME_ZONE_GRACE_MS } from './charging/directory-time-zones.ts';

const MAX_GRACE_MS = 30_000;
const MAX_BATCH_EVENTS = 10_000;

export const DEFAULT_PORT = 41_012;

const environment = z.object({
  ...serviceVariables(DEFAULT_PORT),
  /** How long the news of an organisation may come after its first usage, before UTC is assumed. */
  CHARGEBACK_TIME_ZONE_GRACE_MS: wholeNumber(0, MAX_GRACE_MS).default(DEFAULT_TIME_ZONE_GRACE_MS),
  /** Usage events that one transaction charges at most. */
  CHARGEBACK_BATCH_EVENTS: wholeNumber(1, MAX_BATCH_EVENTS).default(2_000),
});

export interface ChargebackConfig extends ServiceConfig {
  readonly timeZoneGraceMs: number;
  readonly maxBatch: number;
}

/** @throws ConfigError one line that names the variable */
export function readChargebackConfig(env: Environment): ChargebackConfig {
  const values = readConfig(environment, env);
  return {
    ...serviceConfigOf(values, env),
    timeZoneGraceMs: values.CHARGEBACK_TIME_ZONE_GRACE_MS,
    maxBatch: values.CHARGEBACK_BATCH_EVENTS,
  };
}
