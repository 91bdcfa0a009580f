import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { Pool } from '@tollgate/database';
import { parseEvent, type TollgateEvent } from '@tollgate/events';
import { createLogger } from '@tollgate/telemetry';
import { seededRandom, until } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Bus, ConsumeOptions, OutgoingMessage, Publisher, Running } from '../../bus.ts';
import { assertEffects, assertNoRepeatedDelivery, countEffects, effectsOf } from '../../contract/effects.ts';
import { type SampleEvent, sampleEvents } from '../../contract/events.ts';
import { createPostgresBus } from '../bus.ts';
import { createPostgresHarness, type PostgresHarness } from '../postgres-harness.ts';

const IN_TIME = { timeoutMs: 30_000 };
const HAND_OVER_MS = 2_000;
const LATENCY_MS = 50;
const KILLS = 6;

let harness: PostgresHarness;
let pool: Pool;
let publisher: Publisher;
const children: ChildProcess[] = [];
beforeEach(async () => {
  harness = await createPostgresHarness();
  pool = harness.createPool();
  publisher = await harness.createBus().createPublisher();
});
afterEach(async () => {
  await Promise.all(children.splice(0).map(kill));
  await harness.close();
});

function outgoing(events: readonly SampleEvent[]): OutgoingMessage[] {
  return events.map(({ value }) => ({ topic: 'requests', key: 'key', value }));
}

function consume(
  bus: Bus,
  name: string,
  more: Partial<ConsumeOptions<TollgateEvent>> = {},
): Promise<Running> {
  return bus.consume({
    group: 'contract',
    topics: ['requests'],
    pool: harness.createPool(),
    parse: parseEvent,
    handle: effectsOf(name),
    ...more,
  });
}

async function startConsumer(name: string): Promise<ChildProcess> {
  const program = path.join(import.meta.dirname, 'consuming-process.ts');
  const child = spawn(process.execPath, [program, harness.connection.url, name], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  await once(child.stdout, 'data');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

/** An event in each partition. */
async function publishEverywhere(): Promise<string[]> {
  const events = sampleEvents(harness.partitions);
  for (const [partition, { value }] of events.entries()) {
    await harness.publishTo('requests', partition, [value]);
  }
  return events.map(({ id }) => id);
}

async function handledBy(name: string): Promise<number> {
  const { rows } = await pool.query<{ count: bigint }>('SELECT count(*) FROM effect WHERE handled_by = $1', [
    name,
  ]);
  return Number(rows[0]?.count ?? 0);
}

it(`hands a message to its group within ${LATENCY_MS} ms`, async () => {
  let arrived = Promise.withResolvers<void>();
  await consume(harness.createBus(), 'first', {
    async handle(batch, tx) {
      await effectsOf('first')(batch, tx);
      arrived.resolve();
    },
  });
  const latencies: number[] = [];
  for (let round = 0; round < 15; round += 1) {
    arrived = Promise.withResolvers<void>();
    const started = performance.now();
    await publisher.publish(outgoing(sampleEvents(1)));
    await arrived.promise;
    latencies.push(performance.now() - started);
  }
  expect(latencies.sort((a, b) => a - b)[7]).toBeLessThan(LATENCY_MS);
});

it('finds what was appended by a publisher that died before it could say so', async () => {
  const consumer = await consume(harness.createBus(), 'first');
  await until(() => consumer.trouble() === null, IN_TIME);
  const ids = await publishEverywhere();
  await assertEffects(pool, ids);
});

describe('a group', () => {
  it(`goes on within ${HAND_OVER_MS} ms when a member is killed`, async () => {
    const doomed = await startConsumer('doomed');
    const ids = await publishEverywhere();
    await assertEffects(pool, ids);
    const successor = await consume(harness.createBus(), 'successor');
    await until(async () => {
      ids.push(...(await publishEverywhere()));
      return (await handledBy('successor')) > 0;
    }, IN_TIME);
    await until(() => successor.trouble() === null, IN_TIME);
    await kill(doomed);
    const killedMs = performance.now();
    ids.push(...(await publishEverywhere()));
    await assertEffects(pool, ids);
    expect(performance.now() - killedMs).toBeLessThan(HAND_OVER_MS);
    await assertNoRepeatedDelivery(pool);
  });

  it('hands over at once when a member stops', async () => {
    const first = await consume(harness.createBus(), 'first');
    await assertEffects(pool, await publishEverywhere());
    const second = await consume(harness.createBus(), 'second');
    await until(() => second.trouble() === null, IN_TIME);
    await first.stop();
    const before = await handledBy('second');
    const startedMs = performance.now();
    await publishEverywhere();
    await until(async () => (await handledBy('second')) - before === harness.partitions, IN_TIME);
    expect(performance.now() - startedMs).toBeLessThan(HAND_OVER_MS);
    expect(first.trouble()).toBe('stopped');
  });

  it('has two members in one bus work in turn, not on the same', async () => {
    const bus = harness.createBus();
    const first = await consume(bus, 'first');
    const ids = await publishEverywhere();
    await assertEffects(pool, ids);
    await consume(bus, 'second');
    ids.push(...(await publishEverywhere()));
    await assertEffects(pool, ids);
    expect(await handledBy('second')).toBe(0);
    await first.stop();
    ids.push(...(await publishEverywhere()));
    await assertEffects(pool, ids);
    expect(await handledBy('second')).toBe(harness.partitions);
    await assertNoRepeatedDelivery(pool);
  });

  it('sees all that another sees, and keeps a position of its own', async () => {
    const [bus, other] = [harness.createBus(), harness.createBus()];
    const ids: string[] = [];
    await consume(other, 'other', {
      group: 'other',
      async handle(batch) {
        ids.push(...batch.messages.map(({ event }) => event.id));
      },
    });
    await consume(bus, 'first');
    const events = sampleEvents(50);
    await publisher.publish(outgoing(events));
    const expected = events.map(({ id }) => id);
    await assertEffects(pool, expected);
    await until(() => ids.length >= 50, IN_TIME);
    expect(ids).toEqual(expected);
  });

  it.each([11, 12])(
    'loses and doubles nothing while its members are killed at random moments (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      const ids: string[] = [];
      let publishing = true;
      const published = (async () => {
        while (publishing) {
          const events = sampleEvents(random.integer(1, 40));
          await publisher.publish(outgoing(events));
          ids.push(...events.map(({ id }) => id));
          await until(async () => (await countEffects(pool)) > ids.length - 400, IN_TIME);
        }
      })();
      const members = [await startConsumer('one'), await startConsumer('two')];
      for (let round = 0; round < KILLS; round += 1) {
        const victim = random.integer(0, 1);
        const killAt = (await countEffects(pool)) + random.integer(1, 150);
        await until(async () => (await countEffects(pool)) >= killAt, { ...IN_TIME, intervalMs: 1 });
        const member = members[victim];
        if (member !== undefined) await kill(member);
        members[victim] = await startConsumer(`${round}`);
      }
      publishing = false;
      await published;
      await assertEffects(pool, ids);
      await assertNoRepeatedDelivery(pool);
    },
    120_000,
  );
});

it('claims its partitions anew when a handler hangs, and says that it was stuck', async () => {
  let nowMs = Date.now();
  const logger = createLogger({ service: 'bus', level: 'silent' });
  const bus = createPostgresBus({ url: harness.connection.url }, { logger, clock: { now: () => nowMs } });
  try {
    const hanging = Promise.withResolvers<void>();
    let calls = 0;
    const consumer = await consume(bus, 'first', {
      async handle(batch, tx) {
        calls += 1;
        // Hangs before it has locked anything but its position, which a later attempt has to wait for.
        if (calls === 1) await hanging.promise;
        await effectsOf('first')(batch, tx);
      },
    });
    const events = sampleEvents(3);
    await publisher.publish(outgoing(events));
    await until(() => calls === 1, IN_TIME);
    nowMs += 40_000;
    await until(() => consumer.trouble()?.includes('has not moved'), IN_TIME);
    // The second attempt, at the position that the first still holds.
    await until(async () => {
      const { rows } = await pool.query(
        "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
      );
      return rows.length > 0;
    }, IN_TIME);
    hanging.resolve();
    await assertEffects(
      pool,
      events.map(({ id }) => id),
    );
    await assertNoRepeatedDelivery(pool);
    await until(() => consumer.trouble() === null, IN_TIME);
  } finally {
    await bus.close();
  }
}, 60_000);

it('reads a log from its beginning that was made anew meanwhile', async () => {
  const owner = harness.createOwnerPool();
  const consumer = await consume(harness.createBus(), 'first');
  const before = sampleEvents(20);
  await publisher.publish(outgoing(before));
  await assertEffects(
    pool,
    before.map(({ id }) => id),
  );
  await owner.query(
    `BEGIN; TRUNCATE bus.message; UPDATE bus.topic SET identity = gen_random_uuid();
     UPDATE bus.topic_partition SET next_offset = 0; COMMIT`,
  );
  const after = await publishEverywhere();
  await assertEffects(pool, [...before.map(({ id }) => id), ...after]);
  await until(() => consumer.trouble() === null, IN_TIME);
});

it('says what is missing where the bus was not set up', async () => {
  const owner = harness.createOwnerPool();
  await owner.query('DROP SCHEMA bus CASCADE');
  const bus = harness.createBus();
  const consumer = await consume(bus, 'first');
  await until(() => consumer.trouble()?.includes('not set up'), IN_TIME);
  await expect((await bus.createPublisher()).publish(outgoing(sampleEvents(1)))).rejects.toMatchObject({
    name: 'BusError',
    message: expect.stringContaining('not set up'),
  });
});
