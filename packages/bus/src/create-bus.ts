import type { Logger, Metrics } from '@tollgate/telemetry';
import { z } from 'zod';
import type { Bus } from './bus.ts';
import { BusError } from './errors.ts';
import { createKafkaBus } from './kafka/bus.ts';
import { type KafkaConfig, kafkaConfig } from './kafka/connection/config.ts';
import { createPostgresBus } from './postgres/bus.ts';
import { type PostgresBusConfig, postgresBusConfig } from './postgres/config.ts';

/** Which bus, and where. */
export type BusConfig =
  | { readonly kind: 'kafka'; readonly kafka: KafkaConfig }
  | { readonly kind: 'embedded'; readonly postgres: PostgresBusConfig };

const CHOICES =
  'set KAFKA_BROKERS to host:port,host:port of a Kafka cluster, or TOLLGATE_BUS=embedded and TOLLGATE_BUS_DATABASE_URL for the bus in Postgres, or run npm start, which brings everything along (npm start -- --policy-config FILE serves your policy)';

/**
 * The bus from the environment: Kafka where KAFKA_BROKERS is set, the embedded one where TOLLGATE_BUS says so. A
 * service's configuration includes it by `busConfig.parse(env)`; issues name the variable, and the choices where none
 * was made.
 */
export const busConfig = z
  .record(z.string(), z.string().optional())
  .transform((given, context): BusConfig => {
    // An empty variable counts as absent.
    const env = Object.fromEntries(
      Object.entries(given).filter(([, value]) => value !== undefined && value !== ''),
    );
    const fail = (message: string, variable = 'TOLLGATE_BUS'): never => {
      context.addIssue({ code: 'custom', path: [variable], message });
      return z.NEVER;
    };
    const bus = env['TOLLGATE_BUS'];
    const brokers = env['KAFKA_BROKERS'];
    if (bus !== undefined && bus !== 'kafka' && bus !== 'embedded')
      return fail('is neither kafka nor embedded');
    if (bus === 'embedded' && brokers !== undefined) {
      return fail('is embedded, yet KAFKA_BROKERS is set: unset one of the two');
    }
    if (bus === undefined && brokers === undefined) return fail(`events have nowhere to go: ${CHOICES}`);
    if (bus === 'kafka' && brokers === undefined) return fail('is not set: name brokers', 'KAFKA_BROKERS');
    const parsed =
      bus === 'embedded'
        ? postgresBusConfig.transform((postgres) => ({ kind: 'embedded' as const, postgres })).safeParse(env)
        : kafkaConfig.transform((kafka) => ({ kind: 'kafka' as const, kafka })).safeParse(env);
    if (parsed.success) return parsed.data;
    for (const { path, message } of parsed.error.issues) {
      context.addIssue({ code: 'custom', path: [...path], message });
    }
    return z.NEVER;
  });

/** @throws BusError `bad-config`: one line that names the variable, and the choices where none was made */
export function chooseBus(environment: Readonly<Record<string, string | undefined>>): BusConfig {
  const parsed = busConfig.safeParse(environment);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new BusError(
    'bad-config',
    `${String(issue?.path[0] ?? 'TOLLGATE_BUS')}: ${issue?.message ?? CHOICES}`,
  );
}

export type CreateBusOptions = {
  readonly logger: Logger;
  /** One bus per registry. */
  readonly metrics?: Metrics;
  /** How the bus's server calls us, such as `tollgate-audit`. */
  readonly clientId?: string;
  readonly clock?: { now(): number };
  /** From 0 up to 1; `Math.random` unless given. */
  readonly random?: () => number;
};

/** The bus that the configuration names. Waits for nothing (see the two buses). */
export function createBus(config: BusConfig, options: CreateBusOptions): Bus {
  return config.kind === 'kafka'
    ? createKafkaBus(config.kafka, options)
    : createPostgresBus(config.postgres, options);
}
