import { parseEvent } from '@tollgate/events';
import { createLogger } from '@tollgate/telemetry';
import { until } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assertEffects, countEffects, effectsOf, IN_TIME } from '../contract/effects.ts';
import { type SampleEvent, sampleEvents } from '../contract/events.ts';
import { withAdmin } from './connection/admin.ts';
import { createKafkaHarness, type KafkaHarness } from './kafka-harness.ts';
import { createKafkaPublisher } from './publish/publisher.ts';
import { readTopic } from './topics/read-topic.ts';
import { topicIdentities } from './topics/topic-identity.ts';
import { initTopics } from './topics/topics.ts';

const TIMEOUT_MS = 90_000;
const logger = createLogger({ service: 'kafka-only', level: 'silent' });

describe('the bus on Kafka, where Kafka is not what it was', () => {
  let harness: KafkaHarness;
  const warnings: string[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning.name);
  beforeEach(async () => {
    process.on('warning', onWarning);
    harness = await createKafkaHarness();
  });
  afterEach(async () => {
    await harness?.close();
    process.off('warning', onWarning);
  });

  const context = () => ({ config: harness.config, clientId: 'kafka-only', logger });
  const requests = () => `${harness.config.topicPrefix}requests`;

  async function publish(events: readonly SampleEvent[]): Promise<void> {
    const publisher = await harness.createBus().createPublisher();
    await publisher.publish(events.map(({ value }) => ({ topic: 'requests', key: 'key', value })));
  }
  function consume(pool = harness.createPool()) {
    return harness.createBus().consume({
      group: 'kafka-only',
      topics: ['requests'],
      pool,
      parse: parseEvent,
      handle: effectsOf('kafka'),
    });
  }
  const ids = (events: readonly SampleEvent[]) => events.map(({ id }) => id);

  async function recreateTopic(): Promise<void> {
    await withAdmin(context(), async (admin) => {
      await admin.deleteTopics({ topics: [requests()] });
      await until(async () => !(await admin.listTopics()).includes(requests()), IN_TIME);
    });
    await initTopics(harness.config, { partitions: 3, replicationFactor: 1, logger });
  }

  it(
    'reads a topic that was deleted and made again from its beginning',
    async () => {
      const pool = harness.createPool();
      // More than before, so that the old position would lie within the new log.
      const [old, fresh] = [sampleEvents(60), sampleEvents(90)];
      await harness.publishTo(
        'requests',
        0,
        old.map(({ value }) => value),
      );
      const first = await consume();
      await assertEffects(pool, ids(old));
      await first.stop();
      const before = await topicIdentities(context(), [requests()]);
      await recreateTopic();
      const after = await topicIdentities(context(), [requests()]);
      expect(after.get(requests())).not.toBe(before.get(requests()));
      await harness.publishTo(
        'requests',
        0,
        fresh.map(({ value }) => value),
      );
      await consume();
      await assertEffects(pool, ids([...old, ...fresh]));
    },
    TIMEOUT_MS,
  );

  it(
    'believes the database, not the offsets that Kafka has noted',
    async () => {
      const pool = harness.createPool();
      const events = sampleEvents(60);
      await publish(events);
      const first = await consume();
      await assertEffects(pool, ids(events));
      await first.stop();
      // The database comes back from a backup that is older than all of this; no new message wakes the consumer.
      const owner = harness.createOwnerPool();
      await owner.query('TRUNCATE effect, seen_event, delivery; DELETE FROM consumer_offset');
      await consume();
      await assertEffects(pool, ids(events));
    },
    TIMEOUT_MS,
  );

  it(
    'goes on behind messages that expired before it read them',
    async () => {
      const pool = harness.createPool();
      const [lost, kept] = [sampleEvents(10), sampleEvents(10)];
      const first = await consume();
      await until(() => first.trouble() === null, IN_TIME);
      await first.stop();
      await harness.publishTo(
        'requests',
        0,
        lost.map(({ value }) => value),
      );
      await withAdmin(context(), async (admin) => {
        // Loads the metadata that the next call takes for granted.
        await admin.fetchTopicOffsets(requests());
        await admin.deleteTopicRecords({
          topic: requests(),
          partitions: [{ partition: 0, offset: '10' }],
        });
      });
      await harness.publishTo(
        'requests',
        0,
        kept.map(({ value }) => value),
      );
      await consume();
      await assertEffects(pool, ids(kept));
    },
    TIMEOUT_MS,
  );

  it(
    'says what to do where its topic is missing, and begins once it is there',
    async () => {
      await withAdmin(context(), async (admin) => {
        await admin.deleteTopics({ topics: [requests()] });
        await until(async () => !(await admin.listTopics()).includes(requests()), IN_TIME);
      });
      const consumer = await consume();
      await until(() => consumer.trouble()?.includes('tollgate topics init'), IN_TIME);
      const publisher = await harness.createBus().createPublisher();
      const message = { topic: 'requests', key: 'key', value: Buffer.from('{}') } as const;
      await expect(publisher.publish([message])).rejects.toMatchObject({ code: 'topic-missing' });
      await initTopics(harness.config, { partitions: 3, replicationFactor: 1, logger });
      const events = sampleEvents(5);
      await publish(events);
      await assertEffects(harness.createPool(), ids(events));
      await until(() => consumer.trouble() === null, IN_TIME);
    },
    TIMEOUT_MS,
  );

  it(
    'publishes the same by kafkajs’ own encoding, should its release be another',
    async () => {
      const events = sampleEvents(40);
      for (const packed of [true, false]) {
        const publisher = createKafkaPublisher(
          { ...context(), nowMs: Date.now, random: Math.random },
          packed,
        );
        await publisher.publish(events.map(({ value }) => ({ topic: 'requests', key: 'schlüssel', value })));
        await publisher.close();
      }
      const read: { key: string; value: string; contentType: string }[] = [];
      await readTopic(
        { ...context(), nowMs: Date.now, random: Math.random },
        'requests',
        (_partition, { key, value, headers }) => {
          read.push({
            key: String(key),
            value: String(value),
            contentType: String(headers?.['content-type']),
          });
        },
      );
      const expected = events.map(({ value }) => ({
        key: 'schlüssel',
        value: String(value),
        contentType: 'application/cloudevents+json',
      }));
      const byValue = (a: { value: string }, b: { value: string }) => a.value.localeCompare(b.value);
      expect(read.sort(byValue)).toEqual([...expected, ...expected].sort(byValue));
    },
    TIMEOUT_MS,
  );

  it(
    'lets Node warn of nothing (kafkajs’ timer with a negative delay)',
    async () => {
      warnings.length = 0;
      const pool = harness.createPool();
      const events = sampleEvents(20);
      await publish(events);
      await consume();
      await assertEffects(pool, ids(events));
      expect(await countEffects(pool)).toBe(20);
      expect(warnings).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
