import { type BusConfig, busConfig } from '@tollgate/bus';
import { type Environment, type ListenAddress, listenAddress, readConfig, wholeNumber } from '@tollgate/http';
import { LOG_LEVELS } from '@tollgate/telemetry';
import { z } from 'zod';
import { DEFAULT_TIME_ZONE_GRACE_MS } from './charging/directory-time-zones.ts';

const MAX_GRACE_MS = 30_000;
const MAX_BATCH_EVENTS = 10_000;

const environment = z.object({
  /** Of the role `chargeback`, with its password. */
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must be postgres://role:password@host:port/database'),
  LISTEN: listenAddress.default({ host: '0.0.0.0', port: 41012 }),
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
  /** How long the news of an organisation may come after its first usage, before UTC is assumed. */
  CHARGEBACK_TIME_ZONE_GRACE_MS: wholeNumber(0, MAX_GRACE_MS).default(DEFAULT_TIME_ZONE_GRACE_MS),
  /** Usage events that one transaction charges at most. */
  CHARGEBACK_BATCH_EVENTS: wholeNumber(1, MAX_BATCH_EVENTS).default(2_000),
});

export interface ChargebackConfig {
  readonly databaseUrl: string;
  readonly listen: ListenAddress;
  readonly logLevel: (typeof LOG_LEVELS)[number];
  readonly timeZoneGraceMs: number;
  readonly maxBatch: number;
  readonly bus: BusConfig;
}

/** @throws ConfigError one line that names the variable */
export function readChargebackConfig(env: Environment): ChargebackConfig {
  const values = readConfig(environment, env);
  return {
    databaseUrl: values.DATABASE_URL,
    listen: values.LISTEN,
    logLevel: values.LOG_LEVEL,
    timeZoneGraceMs: values.CHARGEBACK_TIME_ZONE_GRACE_MS,
    maxBatch: values.CHARGEBACK_BATCH_EVENTS,
    bus: readConfig(busConfig, env),
  };
}
