import type { Logger, Metrics } from '@tollgate/telemetry';
import type { Bus, Running } from '../bus.ts';
import { BusError } from '../errors.ts';
import { busMetrics } from '../metrics.ts';
import type { KafkaConfig } from './connection/config.ts';
import type { KafkaContext } from './connection/context.ts';
import { startConsuming } from './consume/consume.ts';
import type { ConsumeTuning } from './consume/session.ts';
import { startFollowing } from './follow/follow.ts';
import { createKafkaPublisher } from './publish/publisher.ts';

export type KafkaBusOptions = {
  readonly logger: Logger;
  /** One bus per registry. */
  readonly metrics?: Metrics;
  /** Shown in the broker's logs and quotas; `tollgate` unless given. */
  readonly clientId?: string;
  readonly clock?: { now(): number };
  /** From 0 up to 1; `Math.random` unless given. */
  readonly random?: () => number;
  readonly consume?: Partial<ConsumeTuning>;
};

const DEFAULT_TUNING: ConsumeTuning = { sessionTimeoutMs: 10_000, partitionsAtOnce: 4 };

/**
 * The bus on Kafka. Nothing here waits for the broker: publishers connect at their first batch, consumers and
 * followers in the background, and their `trouble()` says so meanwhile.
 */
export function createKafkaBus(config: KafkaConfig, options: KafkaBusOptions): Bus {
  const context: KafkaContext = {
    config,
    logger: options.logger,
    ...(options.metrics === undefined ? {} : { metrics: busMetrics(options.metrics) }),
    clientId: options.clientId ?? 'tollgate',
    nowMs: () => options.clock?.now() ?? Date.now(),
    random: options.random ?? Math.random,
  };
  const tuning = { ...DEFAULT_TUNING, ...options.consume };
  const running = new Set<Running>();
  const publishers = new Set<{ close(): Promise<void> }>();
  let closed = false;

  function assertOpen(): void {
    if (closed) throw new BusError('closed', 'the bus has been closed');
  }
  function publisher() {
    const made = createKafkaPublisher(context);
    publishers.add(made);
    return made;
  }

  return {
    async createPublisher() {
      assertOpen();
      return publisher();
    },
    async consume(consumeOptions) {
      assertOpen();
      const consumer = startConsuming(context, consumeOptions, publisher(), tuning);
      running.add(consumer);
      return consumer;
    },
    async follow(followOptions) {
      assertOpen();
      const follower = await startFollowing(context, followOptions);
      running.add(follower);
      return follower;
    },
    async close() {
      closed = true;
      await Promise.all([...running].map((one) => one.stop()));
      await Promise.all([...publishers].map((one) => one.close()));
    },
  };
}
