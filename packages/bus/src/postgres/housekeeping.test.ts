import { isDeepStrictEqual } from 'node:util';
import type { Pool } from '@tollgate/database';
import { parseEvent } from '@tollgate/events';
import { createLogger } from '@tollgate/telemetry';
import { seededRandom, until } from '@tollgate/testing';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OutgoingMessage, Publisher } from '../bus.ts';
import { assertEffects, effectsOf } from '../contract/effects.ts';
import { sampleEvents } from '../contract/events.ts';
import { append } from './append.ts';
import { createPostgresBus } from './bus.ts';
import { noteProgress } from './consume/group-progress.ts';
import { sweep } from './housekeeping.ts';
import { readLogs, readPage } from './log.ts';
import { createPostgresHarness, type PostgresHarness } from './postgres-harness.ts';

const IN_TIME = { timeoutMs: 30_000 };
const LIMITS = { maxMessages: 10_000, maxBytes: 1 << 24 };

let harness: PostgresHarness;
let pool: Pool;
let owner: Pool;
let publisher: Publisher;
beforeEach(async () => {
  harness = await createPostgresHarness({ compactionLagMs: 0, retentionMs: 60_000 });
  pool = harness.createPool();
  owner = harness.createOwnerPool();
  publisher = await harness.createBus().createPublisher();
});
afterEach(() => harness.close());

function state(key: string, value: string): OutgoingMessage {
  return { topic: 'directory', key, value: Buffer.from(value) };
}

/** Makes all that is in the topic older. */
async function age(topic: string, ms: number): Promise<void> {
  await owner.query(
    "UPDATE bus.message SET appended_at = appended_at - $2 * interval '1 millisecond' WHERE topic = $1",
    [topic, ms],
  );
}

async function texts(topic: 'directory' | 'requests', partition: number): Promise<string[]> {
  const { messages } = await readPage(pool, topic, partition, 0n, LIMITS);
  return messages.map(({ value }) => value.toString());
}

describe('compaction', () => {
  it('keeps the newest message of every key, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 60 }),
        async (keys) => {
          await owner.query('TRUNCATE bus.message');
          const newest = new Map<string, string>();
          for (const [version, key] of keys.entries()) {
            const message = state(`key ${key}`, `${key} in version ${version}`);
            newest.set(message.key, message.value.toString());
            await publisher.publish([message]);
          }
          expect(await sweep(pool)).toBe(keys.length - newest.size);
          const left = await Promise.all([0, 1, 2].map((partition) => texts('directory', partition)));
          expect(left.flat().sort()).toEqual([...newest.values()].sort());
          expect(await sweep(pool)).toBe(0);
        },
      ),
      { numRuns: 12 },
    );
  });

  it('waits for every registered group, unless the message is older than the retention', async () => {
    await append(pool, [
      { topic: 'directory', partition: 0, messages: [1, 2, 3, 4].map((version) => state('a', `${version}`)) },
    ]);
    const at = (next: bigint) => [{ topic: 'directory', partition: 0, next }];
    await noteProgress(pool, 'quick', at(4n));
    await noteProgress(pool, 'slow', at(1n));
    expect(await sweep(pool)).toBe(1);
    expect(await texts('directory', 0)).toEqual(['2', '3', '4']);
    await age('directory', 59_000);
    expect(await sweep(pool)).toBe(0);
    await age('directory', 2_000);
    expect(await sweep(pool)).toBe(2);
    expect(await texts('directory', 0)).toEqual(['4']);
  });

  it('leaves alone what is younger than its lag', async () => {
    await owner.query('UPDATE bus.topic SET compaction_lag_ms = 30000');
    await publisher.publish([state('a', '1'), state('a', '2')]);
    expect(await sweep(pool)).toBe(0);
    await age('directory', 31_000);
    expect(await sweep(pool)).toBe(1);
  });

  it('does not touch other topics, or state that is merely old', async () => {
    await append(pool, [
      {
        topic: 'requests',
        partition: 0,
        messages: ['1', '2'].map((text) => ({ topic: 'requests', key: 'a', value: Buffer.from(text) })),
      },
    ]);
    await publisher.publish([state('a', 'old')]);
    await age('directory', 1_000_000);
    expect(await sweep(pool)).toBe(0);
  });

  it('never leaves a follower, which reads meanwhile, without the latest of a key', async () => {
    const random = seededRandom(7);
    const expected = new Map<string, string>();
    const publish = async (version: number) => {
      const changed = Array.from({ length: 60 }, () => `key ${random.integer(0, 99)}`);
      for (const key of changed) expected.set(key, `version ${version}`);
      await publisher.publish(changed.map((key) => state(key, `version ${version}`)));
    };
    for (let version = 0; version < 40; version += 1) await publish(version);
    let sweeping = true;
    const swept = (async () => {
      let removed = 0;
      while (sweeping) removed += await sweep(owner);
      return removed;
    })();
    const followers = [];
    for (let version = 40; version < 80; version += 1) {
      if (version % 8 === 0) {
        const found = new Map<string, string>();
        const follower = await harness.createBus().follow({
          topic: 'directory',
          apply: ({ key, value }) => void found.set(key, value.toString()),
        });
        followers.push({ follower, found });
      }
      await publish(version);
    }
    for (const { follower, found } of followers) {
      await follower.ready;
      await until(() => isDeepStrictEqual(found, expected), IN_TIME);
    }
    sweeping = false;
    expect(await swept).toBeGreaterThan(1_000);
  });
});

describe('retention', () => {
  it('removes what is older, from the beginning of the log, and keeps the rest', async () => {
    const events = sampleEvents(6);
    const values = events.map(({ value }) => value);
    await harness.publishTo('requests', 0, values.slice(0, 4));
    await age('requests', 61_000);
    await harness.publishTo('requests', 0, values.slice(4));
    expect(await sweep(pool)).toBe(4);
    expect(await readLogs(pool, ['requests'])).toMatchObject([{ low: 4n, high: 6n }, {}, {}]);
    const page = await readPage(pool, 'requests', 0, 0n, LIMITS);
    expect(page.messages.map(({ offset }) => offset)).toEqual([4n, 5n]);
    await age('requests', 61_000);
    expect(await sweep(pool)).toBe(2);
    await harness.publishTo('requests', 0, values.slice(0, 1));
    expect(await readLogs(pool, ['requests'])).toMatchObject([{ low: 6n, high: 7n }, {}, {}]);
  });

  it('lets a group go on that had not read what is gone, in a log that was waiting or not', async () => {
    const start = () =>
      harness.createBus().consume({
        group: 'contract',
        topics: ['requests'],
        pool,
        parse: parseEvent,
        handle: effectsOf('first'),
      });
    const consumer = await start();
    await until(() => consumer.trouble() === null, IN_TIME);
    await consumer.stop();
    const [gone, kept, late] = [sampleEvents(5), sampleEvents(3), sampleEvents(2)];
    await harness.publishTo(
      'requests',
      0,
      gone.map(({ value }) => value),
    );
    await age('requests', 61_000);
    await harness.publishTo(
      'requests',
      0,
      kept.map(({ value }) => value),
    );
    await sweep(pool);
    const next = await start();
    await assertEffects(
      pool,
      kept.map(({ id }) => id),
    );

    // Behind the back of a member that is there, and waits.
    await harness.publishTo(
      'requests',
      1,
      gone.map(({ value }) => value),
    );
    await owner.query(
      "DELETE FROM bus.message WHERE topic = 'requests' AND partition = 1 AND message_offset < 3",
    );
    await owner.query(
      "UPDATE bus.topic_partition SET first_offset = 3 WHERE topic = 'requests' AND partition = 1",
    );
    await harness.publishTo(
      'requests',
      2,
      late.map(({ value }) => value),
    );
    await until(async () => {
      const { rows } = await pool.query(
        'SELECT 1 FROM consumer_offset WHERE partition = 1 AND next_offset = 5',
      );
      return rows.length === 1;
    }, IN_TIME);
    await until(() => next.trouble() === null, IN_TIME);
  });
});

it('keeps house by itself, by one bus of several', async () => {
  const logger = createLogger({ service: 'bus', level: 'silent' });
  const buses = [1, 2].map(() =>
    createPostgresBus({ url: harness.connection.url }, { logger, housekeepingEveryMs: 50 }),
  );
  try {
    for (const bus of buses) await (await bus.follow({ topic: 'directory', apply: () => {} })).ready;
    await publisher.publish([state('a', '1'), state('a', '2'), state('a', '3')]);
    await until(async () => {
      const left = await Promise.all([0, 1, 2].map((partition) => texts('directory', partition)));
      return left.flat().join() === '3';
    }, IN_TIME);
  } finally {
    await Promise.all(buses.map((bus) => bus.close()));
  }
});

it('stops a partition rather than pass over a message that the log has lost', async () => {
  const [first, second] = [sampleEvents(2), sampleEvents(2)];
  await harness.publishTo(
    'requests',
    0,
    first.map(({ value }) => value),
  );
  await harness.publishTo(
    'requests',
    0,
    second.map(({ value }) => value),
  );
  await owner.query("DELETE FROM bus.message WHERE topic = 'requests' AND message_offset = 1");
  const consumer = await harness.createBus().consume({
    group: 'contract',
    topics: ['requests'],
    pool,
    parse: parseEvent,
    handle: effectsOf('first'),
  });
  await until(() => consumer.trouble()?.includes('the log misses messages'), IN_TIME);
  await assertEffects(pool, []);
});
