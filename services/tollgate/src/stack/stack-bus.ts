import { randomBytes, randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { initEmbeddedBus, initTopics } from '@tollgate/bus';
import { type LocalKafka, startLocalKafka } from '@tollgate/bus/local-kafka';
import type { Logger } from '@tollgate/telemetry';

/** Which bus a stack runs on: a Kafka of its own, a running one, or the embedded log in its Postgres. */
export type StackBusChoice =
  | { readonly kind: 'kafka'; readonly brokers?: readonly string[] }
  | { readonly kind: 'embedded' };

/** A bus that is ready for the services of a stack. */
export interface StackBus {
  /** `host:port` each; empty on the embedded bus. */
  readonly brokers: readonly string[];
  readonly topicPrefix: string;
  /** Null where the brokers were given, or none are needed. */
  readonly kafka: LocalKafka | null;
  /** How a service reaches it, by the URL of the service's own role, or null for the gateway, which has no schema. */
  environmentOf(databaseUrl: string | null): Record<string, string>;
}

const OWN_PREFIX = 'tollgate.';

export async function openKafka(
  given: readonly string[] | undefined,
  folder: string,
  logger: Logger,
): Promise<StackBus> {
  const kafka = given ? null : await startLocalKafka({ folder: join(folder, 'kafka'), logger });
  const brokers = given ?? kafka?.brokers ?? [];
  // Replays on a cluster that others use too must not meet.
  const topicPrefix = given ? `tollgate-replay-${randomUUID().slice(0, 8)}.` : OWN_PREFIX;
  try {
    await initTopics({ brokers, topicPrefix }, { replicationFactor: 1, minInsyncReplicas: 1, logger });
  } catch (error) {
    await kafka?.stop();
    throw error;
  }
  return {
    brokers,
    topicPrefix,
    kafka,
    environmentOf: () => ({ KAFKA_BROKERS: brokers.join(','), TOLLGATE_TOPIC_PREFIX: topicPrefix }),
  };
}

/** @param roles of the services, which exist already */
export async function openEmbedded(
  ownerUrl: string,
  roles: readonly string[],
  logger: Logger,
): Promise<StackBus> {
  const rolePassword = randomBytes(18).toString('base64url');
  await initEmbeddedBus({
    ownerUrl,
    roles: [{ role: 'gateway', rolePassword }, ...roles.map((role) => ({ role }))],
    logger,
  });
  const gatewayUrl = new URL(ownerUrl);
  gatewayUrl.username = 'gateway';
  gatewayUrl.password = rolePassword;
  return {
    brokers: [],
    topicPrefix: '',
    kafka: null,
    environmentOf: (databaseUrl) => ({
      TOLLGATE_BUS: 'embedded',
      TOLLGATE_BUS_DATABASE_URL: databaseUrl ?? gatewayUrl.toString(),
    }),
  };
}
