import { setTimeout as sleep } from 'node:timers/promises';
import { parseEvent } from '@tollgate/events';
import { createLogger } from '@tollgate/telemetry';
import { seededRandom, temporaryFolder, until } from '@tollgate/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { OutgoingMessage } from '../bus.ts';
import { assertEffects, assertNoRepeatedDelivery, effectsOf } from '../contract/effects.ts';
import { sampleEvents } from '../contract/events.ts';
import { type LocalKafka, startLocalKafka } from '../local-kafka/index.ts';
import { withAdmin } from './connection/admin.ts';
import { createKafkaHarness, type KafkaHarness } from './kafka-harness.ts';
import { readTopic } from './topics/read-topic.ts';

/** Longer and other runs: `TOLLGATE_KILLS=100 TOLLGATE_SEED=7 npx vitest run failover`. */
const KILLS = Number(process.env['TOLLGATE_KILLS'] ?? 2);
const SEED = Number(process.env['TOLLGATE_SEED'] ?? Date.now() % 1_000_000);

const TOPICS_IN_TURN = ['requests', 'decisions', 'usage'] as const;
const EVENTS_PER_TOPIC = 60;
const PAUSE_MS = 10;
const RECOVERY_MS = 60_000;

const logger = createLogger({ service: 'failover', level: 'silent' });

describe('three brokers, of which one at a time is killed', () => {
  let kafka: LocalKafka;
  let harness: KafkaHarness;

  beforeAll(async () => {
    kafka = await startLocalKafka({ folder: temporaryFolder('kafka'), nodes: 3, fastFailover: true });
    harness = await createKafkaHarness(kafka.brokers);
  });
  afterAll(async () => {
    await harness?.close();
    await kafka?.stop();
  });

  const context = () => ({
    config: harness.config,
    logger,
    clientId: 'failover',
    nowMs: Date.now,
    random: Math.random,
  });

  /** Whether every partition has all of its replicas in sync again. */
  async function isWhole(): Promise<boolean> {
    return withAdmin(context(), async (admin) => {
      const { topics } = await admin.fetchTopicMetadata();
      const partitions = topics.flatMap((topic) => topic.partitions);
      return partitions.every((partition) => partition.isr.length === kafka.nodes.length);
    });
  }

  it(
    `loses and doubles nothing that was acknowledged (seed ${SEED}, ${KILLS} kills)`,
    async () => {
      const random = seededRandom(SEED);
      const bus = harness.createBus();
      const pool = harness.createPool();
      for (const topic of TOPICS_IN_TURN) {
        await bus.consume({
          group: `failover-${topic}`,
          topics: [topic],
          pool: harness.createPool(),
          parse: parseEvent,
          handle: effectsOf(topic),
        });
      }

      const acknowledged: { topic: (typeof TOPICS_IN_TURN)[number]; id: string }[] = [];
      const killing = new AbortController();
      let failedAttempts = 0;
      let longestMs = 0;
      const publishing = (async () => {
        const publisher = await bus.createPublisher();
        while (!killing.signal.aborted) {
          const events = TOPICS_IN_TURN.flatMap((topic) =>
            sampleEvents(EVENTS_PER_TOPIC).map((event) => ({ topic, ...event })),
          );
          const batch: OutgoingMessage[] = events.map(({ topic, value }) => ({ topic, key: 'key', value }));
          const started = performance.now();
          // As the spool does: the same batch, until it is acknowledged.
          for (;;) {
            try {
              await publisher.publish(batch);
              break;
            } catch {
              failedAttempts += 1;
              await sleep(PAUSE_MS);
            }
          }
          longestMs = Math.max(longestMs, performance.now() - started);
          acknowledged.push(...events.map(({ topic, id }) => ({ topic, id })));
          await sleep(PAUSE_MS);
        }
      })();

      for (let kill = 0; kill < KILLS; kill += 1) {
        await sleep(random.integer(300, 1_500));
        const node = random.pick(kafka.nodes);
        await node.kill('SIGKILL');
        await sleep(random.integer(500, 4_000));
        await node.start();
        await until(isWhole, {
          timeoutMs: RECOVERY_MS,
          intervalMs: 200,
          describe: 'replicas are not in sync',
        });
      }
      killing.abort();
      await publishing;

      for (const topic of TOPICS_IN_TURN) {
        const stored = new Set<string>();
        await readTopic(context(), topic, (_partition, message) => {
          const parsed = parseEvent(message.value ?? Buffer.alloc(0));
          if (parsed.kind === 'event') stored.add(parsed.event.id);
        });
        const missing = acknowledged.filter((event) => event.topic === topic && !stored.has(event.id));
        expect(missing, `lost from ${topic}`).toEqual([]);
      }
      await assertEffects(
        pool,
        acknowledged.map(({ id }) => id),
      );
      await assertNoRepeatedDelivery(pool);
      // The kills were felt: otherwise the test has shown nothing.
      expect(longestMs, `${failedAttempts} attempts failed`).toBeGreaterThan(200);
    },
    120_000 + KILLS * 60_000,
  );
});
