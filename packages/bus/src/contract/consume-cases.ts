import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { type Pool, transaction } from '@tollgate/database';
import { parseEvent, type TollgateEvent } from '@tollgate/events';
import { until } from '@tollgate/testing';
import type { Bus, ConsumeOptions, OutgoingMessage, Running } from '../bus.ts';
import { assertEffects, assertNoRepeatedDelivery, countEffects, effectsOf, IN_TIME } from './effects.ts';
import { eventOfTheFuture, type SampleEvent, sampleEvents } from './events.ts';
import type { ContractCase } from './harness.ts';

function outgoing(events: readonly SampleEvent[]): OutgoingMessage[] {
  return events.map(({ value }) => ({ topic: 'requests', key: 'key', value }));
}

function consume(bus: Bus, pool: Pool, more: Partial<ConsumeOptions<TollgateEvent>> = {}): Promise<Running> {
  return bus.consume({
    group: 'contract',
    topics: ['requests'],
    pool,
    parse: parseEvent,
    handle: effectsOf('first'),
    ...more,
  });
}

const ids = (events: readonly SampleEvent[]) => events.map(({ id }) => id);

export const consumeCases: readonly ContractCase[] = [
  {
    title: 'hands on everything that was published, before and after the consumer came',
    async run(harness) {
      const [bus, pool] = [harness.createBus(), harness.createPool()];
      const publisher = await bus.createPublisher();
      const early = sampleEvents(300);
      await publisher.publish(outgoing(early));
      const consumer = await consume(bus, pool);
      await assertEffects(pool, ids(early));
      const late = sampleEvents(200);
      await publisher.publish(outgoing(late));
      await assertEffects(pool, ids([...early, ...late]));
      equal(consumer.trouble(), null);
      await assertNoRepeatedDelivery(pool);
    },
  },
  {
    title: 'lets an event that was published twice have its effect once',
    async run(harness) {
      const [bus, pool] = [harness.createBus(), harness.createPool()];
      const publisher = await bus.createPublisher();
      const events = sampleEvents(100);
      await publisher.publish(outgoing(events));
      await publisher.publish(outgoing(events));
      await consume(bus, pool);
      const last = sampleEvents(1);
      await publisher.publish(outgoing(last));
      await assertEffects(pool, ids([...events, ...last]));
    },
  },
  {
    title: 'leaves no effect of a handler that failed before its commit, and tries again',
    async run(harness) {
      const [bus, pool] = [harness.createBus(), harness.createPool()];
      const publisher = await bus.createPublisher();
      const events = sampleEvents(50);
      let failures = 3;
      const consumer = await consume(bus, pool, {
        async handle(batch, tx) {
          await effectsOf('first')(batch, tx);
          failures -= 1;
          if (failures >= 0) throw new Error('failed between effect and commit');
        },
      });
      await publisher.publish(outgoing(events));
      await until(() => consumer.trouble()?.includes('between effect and commit'), IN_TIME);
      await assertEffects(pool, ids(events));
      await until(() => consumer.trouble() === null, IN_TIME);
      await assertNoRepeatedDelivery(pool);
    },
  },
  {
    title: 'has each effect once when the connection breaks before the commit',
    async run(harness) {
      const [bus, pool] = [harness.createBus(), harness.createPool()];
      const publisher = await bus.createPublisher();
      const events = sampleEvents(50);
      let broken = false;
      await consume(bus, pool, {
        async handle(batch, tx) {
          await effectsOf('first')(batch, tx);
          if (broken) return;
          broken = true;
          await tx.query('SELECT pg_terminate_backend(pg_backend_pid())').catch(() => {});
        },
      });
      await publisher.publish(outgoing(events));
      await assertEffects(pool, ids(events));
      ok(broken);
      await assertNoRepeatedDelivery(pool);
    },
  },
  {
    title: 'has each effect once when the commit succeeds and its answer is lost',
    async run(harness) {
      const [bus, pool] = [harness.createBus(), harness.createPool()];
      const consuming = harness.createPool();
      let lost = 0;
      consuming.on('connect', (client) => {
        const query = client.query.bind(client);
        // Only what `transaction` calls it with: a text alone.
        Reflect.set(client, 'query', async (...args: Parameters<typeof query>) => {
          const answer = await query(...args);
          const first: unknown = args[0];
          if (first === 'COMMIT' && lost < 2) {
            lost += 1;
            throw new Error('Connection terminated unexpectedly');
          }
          return answer;
        });
      });
      const publisher = await bus.createPublisher();
      const events = sampleEvents(50);
      await publisher.publish(outgoing(events));
      const consumer = await consume(bus, consuming);
      await assertEffects(pool, ids(events));
      await until(() => consumer.trouble() === null, IN_TIME);
      const more = sampleEvents(50);
      await publisher.publish(outgoing(more));
      await assertEffects(pool, ids([...events, ...more]));
      ok(lost > 0);
      await assertNoRepeatedDelivery(pool);
    },
  },
  {
    title: 'puts what nobody can read into the dead-letter topic, with its cause, and goes on',
    async run(harness) {
      const [bus, pool] = [harness.createBus(), harness.createPool()];
      const [before, after] = [sampleEvents(2), sampleEvents(2)];
      const values = [...before, { value: Buffer.from('{"specversion":"9"}') }, ...after];
      await harness.publishTo(
        'requests',
        0,
        values.map(({ value }) => value),
      );
      const consumer = await consume(bus, pool);
      await assertEffects(pool, ids([...before, ...after]));
      equal(consumer.trouble(), null);

      const letters: TollgateEvent<'tollgate.dead-letter.v1'>[] = [];
      await bus.consume({
        group: 'contract-dead-letters',
        topics: ['dead-letter'],
        pool,
        parse: parseEvent,
        async handle(batch) {
          for (const { event } of batch.messages) {
            if (event.type === 'tollgate.dead-letter.v1') letters.push(event);
          }
        },
      });
      const letter = await until(() => letters[0], IN_TIME);
      equal(letters.length, 1);
      equal(letter.data.partition, 0);
      equal(letter.data.offset, '2');
      equal(Buffer.from(letter.data.value, 'base64').toString(), '{"specversion":"9"}');
      match(letter.data.error, /specversion/);
    },
  },
  {
    title: 'stops the partition of a major version it does not know, and no other',
    async run(harness) {
      const [bus, pool] = [harness.createBus(), harness.createPool()];
      const [before, behind, elsewhere] = [sampleEvents(2), sampleEvents(2), sampleEvents(6)];
      const future = eventOfTheFuture();
      await harness.publishTo(
        'requests',
        0,
        [...before, future, ...behind].map(({ value }) => value),
      );
      let looks = 0;
      const consumer = await consume(bus, pool, {
        parse(bytes) {
          if (Buffer.from(bytes).equals(future.value)) looks += 1;
          return parseEvent(bytes);
        },
      });
      await assertEffects(pool, ids(before));
      await until(() => consumer.trouble()?.includes('upgrade'), IN_TIME);
      match(consumer.trouble() ?? '', /tollgate\.rejections\.v9/);
      for (const [index, { value }] of elsewhere.entries()) {
        await harness.publishTo('requests', 1, [value]);
        await assertEffects(pool, ids([...before, ...elsewhere.slice(0, index + 1)]));
      }
      await consumer.stop();
      ok(looks <= 3, `looked ${looks} times at a message that it can't take`);

      // The next release knows the version, and begins with the message that stopped this one.
      await consume(harness.createBus(), pool, {
        parse: (bytes) =>
          parseEvent(Buffer.from(Buffer.from(bytes).toString().replace('rejections.v9', 'rejections.v1'))),
      });
      await assertEffects(pool, ids([...before, ...elsewhere, future, ...behind]));
      await assertNoRepeatedDelivery(pool);
    },
  },
  {
    title: 'goes on where it was after a restart',
    async run(harness) {
      const pool = harness.createPool();
      const publisher = await harness.createBus().createPublisher();
      const all: SampleEvent[] = [];
      for (let round = 0; round < 3; round += 1) {
        const events = sampleEvents(40);
        all.push(...events);
        await publisher.publish(outgoing(events));
        const consumer = await consume(harness.createBus(), pool);
        await assertEffects(pool, ids(all));
        await consumer.stop();
      }
      await assertNoRepeatedDelivery(pool);
    },
  },
  {
    title: 'shares partitions with a second member, and loses and doubles nothing meanwhile',
    async run(harness) {
      const pool = harness.createPool();
      const all: SampleEvent[] = [];
      async function publishEverywhere() {
        for (let partition = 0; partition < harness.partitions; partition += 1) {
          const events = sampleEvents(10);
          all.push(...events);
          await harness.publishTo(
            'requests',
            partition,
            events.map(({ value }) => value),
          );
        }
      }
      const first = await consume(harness.createBus(), harness.createPool());
      await publishEverywhere();
      await assertEffects(pool, ids(all));
      await consume(harness.createBus(), harness.createPool(), { handle: effectsOf('second') });
      await until(async () => {
        await publishEverywhere();
        const { rows } = await pool.query("SELECT 1 FROM effect WHERE handled_by = 'second' LIMIT 1");
        return rows.length > 0;
      }, IN_TIME);
      await first.stop();
      await publishEverywhere();
      await assertEffects(pool, ids(all));
      await assertNoRepeatedDelivery(pool);
    },
  },
  {
    title: 'waits for a member that lost its partition and does not know it yet',
    async run(harness) {
      const [bus, pool] = [harness.createBus(), harness.createPool()];
      const publisher = await bus.createPublisher();
      const events = sampleEvents(20);
      const held = Promise.withResolvers<void>();
      const holding = Promise.withResolvers<void>();
      let handled = 0;
      await consume(bus, pool, {
        async handle(batch, tx) {
          handled += batch.messages.length;
          await effectsOf('first')(batch, tx);
        },
      });
      await publisher.publish(outgoing(events.slice(0, 1)));
      await assertEffects(pool, ids(events.slice(0, 1)));
      // Holds every position's lock, as a transaction does that outlived its membership.
      const zombie = transaction(harness.createPool(), async (tx) => {
        await tx.query('SELECT 1 FROM consumer_offset FOR UPDATE');
        holding.resolve();
        await held.promise;
      });
      await holding.promise;
      await publisher.publish(outgoing(events.slice(1)));
      await until(async () => {
        const { rows } = await pool.query(
          "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        );
        return rows.length > 0;
      }, IN_TIME);
      equal(await countEffects(pool), 1);
      equal(handled, 1);
      held.resolve();
      await zombie;
      await assertEffects(pool, ids(events));
      await assertNoRepeatedDelivery(pool);
    },
  },
  {
    title: 'takes no more messages into one transaction than it was told to',
    async run(harness) {
      const [bus, pool] = [harness.createBus(), harness.createPool()];
      const events = sampleEvents(95);
      await harness.publishTo(
        'requests',
        0,
        events.map(({ value }) => value),
      );
      const sizes: number[] = [];
      await consume(bus, pool, {
        maxBatch: 10,
        async handle(batch, tx) {
          sizes.push(batch.messages.length);
          await effectsOf('first')(batch, tx);
        },
      });
      await assertEffects(pool, ids(events));
      ok(sizes.every((size) => size <= 10));
      deepEqual(
        sizes.reduce((sum, size) => sum + size, 0),
        95,
      );
    },
  },
];
