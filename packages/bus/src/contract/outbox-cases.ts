import { deepEqual, equal, ok, rejects } from 'node:assert/strict';
import { createHash, createPublicKey, verify } from 'node:crypto';
import { type Pool, transaction } from '@tollgate/database';
import { heartbeatSigningInput, parseEvent, parseSequence, type TollgateEvent } from '@tollgate/events';
import { createLogger } from '@tollgate/telemetry';
import { until } from '@tollgate/testing';
import type { Publisher, Running } from '../bus.ts';
import { DraftBatch } from '../outbox/draft-batch.ts';
import { enqueue, enqueueBatch } from '../outbox/enqueue.ts';
import { startOutboxRelay } from '../outbox/relay.ts';
import { IN_TIME } from './effects.ts';
import { sampleDraft } from './events.ts';
import type { BusHarness, ContractCase } from './harness.ts';

const logger = createLogger({ service: 'contract', level: 'silent' });
const LATENCY_MS = 50;
const LATENCY_ROUNDS = 9;
/** Eight batches; a pause is a second. */
const BACKLOG = 8_000;
const BACKLOG_MS = 5_000;

type Arrival = { readonly event: TollgateEvent; readonly bytes: Buffer };

/** Everything that arrives on the outbox's topics, duplicates included. */
async function listenToAll(harness: BusHarness): Promise<Arrival[]> {
  const arrivals: Arrival[] = [];
  await harness.createBus().consume({
    group: 'contract-listener',
    topics: ['requests', 'sources'],
    pool: harness.createPool(),
    parse: parseEvent,
    async handle(batch) {
      for (const { event, value } of batch.messages) arrivals.push({ event, bytes: value });
    },
  });
  return arrivals;
}

async function startRelay(
  harness: BusHarness,
  publisher: Publisher,
  heartbeatEveryMs = 60_000,
): Promise<Running> {
  return startOutboxRelay({
    pool: harness.createPool(),
    connection: harness.connection,
    service: 'contract',
    publisher,
    logger,
    heartbeatEveryMs,
  });
}

function numbered(arrivals: readonly Arrival[]): Map<number, Buffer> {
  const bySequence = new Map<number, Buffer>();
  for (const { event, bytes } of arrivals) {
    if (event.sequence === undefined) continue;
    const sequence = parseSequence(event.sequence);
    const before = bySequence.get(sequence);
    if (before !== undefined) ok(before.equals(bytes), `number ${sequence} was published with other bytes`);
    bySequence.set(sequence, bytes);
  }
  return bySequence;
}

async function enqueueSamples(pool: Pool, count: number): Promise<void> {
  await transaction(pool, (tx) =>
    enqueue(
      tx,
      Array.from({ length: count }, () => ({ draft: sampleDraft(), key: 'key' })),
    ),
  );
}

/** The same in a batch, which lies in the outbox in packs. */
async function enqueueSampleBatch(pool: Pool, count: number): Promise<void> {
  const batch = new DraftBatch('tollgate.rejections.v1');
  for (let n = 0; n < count; n += 1) {
    const { data, ...head } = sampleDraft();
    batch.begin('key', head);
    batch.text(JSON.stringify(data));
    batch.end();
  }
  await transaction(pool, (tx) => enqueueBatch(tx, batch));
}

/** Numbers 1..count have arrived, each with the same bytes every time; nothing is left in the outbox. */
async function assertContiguous(arrivals: readonly Arrival[], pool: Pool, count: number): Promise<void> {
  await until(() => numbered(arrivals).size >= count, {
    ...IN_TIME,
    describe: () => `${numbered(arrivals).size} of ${count} events arrived`,
  });
  deepEqual(
    [...numbered(arrivals).keys()].sort((a, b) => a - b),
    Array.from({ length: count }, (_, index) => index + 1),
  );
  await until(async () => (await pool.query('SELECT 1 FROM outbox')).rows.length === 0, IN_TIME);
}

export const outboxCases: readonly ContractCase[] = [
  {
    title: 'publishes what was committed, numbered from 1 after the start of its source, and nothing else',
    async run(harness) {
      const pool = harness.createPool();
      const arrivals = await listenToAll(harness);
      await rejects(
        transaction(pool, async (tx) => {
          await enqueue(tx, [{ draft: sampleDraft(), key: 'key' }]);
          throw new Error('rolled back');
        }),
      );
      await enqueueSamples(pool, 20);
      const relay = await startRelay(harness, await harness.createBus().createPublisher());
      await enqueueSamples(pool, 10);
      await enqueueSampleBatch(pool, 15);
      await enqueueSamples(pool, 5);
      await assertContiguous(arrivals, pool, 51);
      const first = arrivals.find(({ event }) => event.sequence?.endsWith('0001'));
      equal(first?.event.type, 'tollgate.source.started.v1');
      equal(relay.trouble(), null);
      await relay.stop();
    },
  },
  {
    title: 'leaves out no event of a transaction that commits after a later one did',
    async run(harness) {
      const pool = harness.createPool();
      const arrivals = await listenToAll(harness);
      const relay = await startRelay(harness, await harness.createBus().createPublisher());
      const [slowBegun, fastDone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const slow = transaction(pool, async (tx) => {
        await enqueue(tx, [{ draft: sampleDraft(), key: 'slow' }]);
        slowBegun.resolve();
        await fastDone.promise;
      });
      await slowBegun.promise;
      await enqueueSamples(pool, 5);
      await assertContiguousSoFar(arrivals, 6);
      fastDone.resolve();
      await slow;
      await assertContiguous(arrivals, pool, 7);
      await relay.stop();
    },
  },
  {
    title: 'sends the same bytes again where the answer to a batch was lost, or it was cut off in between',
    async run(harness) {
      const pool = harness.createPool();
      const arrivals = await listenToAll(harness);
      const publisher = await harness.createBus().createPublisher();
      let calls = 0;
      const unreliable: Publisher = {
        async publish(batch) {
          calls += 1;
          if (calls % 4 === 1) throw new Error('refused');
          await publisher.publish(calls % 4 === 2 ? batch.slice(0, Math.ceil(batch.length / 2)) : batch);
          if (calls % 4 !== 0) throw new Error('stored, but the answer was lost');
        },
        close: () => publisher.close(),
      };
      const relay = await startRelay(harness, unreliable);
      for (let round = 0; round < 3; round += 1) {
        await enqueueSamples(pool, 20);
        await enqueueSampleBatch(pool, 20);
      }
      await assertContiguous(arrivals, pool, 121);
      ok(arrivals.length > 121, 'nothing was ever sent twice: the test tests nothing');
      await relay.stop();
    },
  },
  {
    title: 'is led by one relay at a time, and by the next when the first ends',
    async run(harness) {
      const pool = harness.createPool();
      const arrivals = await listenToAll(harness);
      const first = await startRelay(harness, await harness.createBus().createPublisher());
      const second = await startRelay(harness, await harness.createBus().createPublisher());
      await enqueueSamples(pool, 10);
      await assertContiguous(arrivals, pool, 11);
      await first.stop();
      await enqueueSamples(pool, 10);
      await assertContiguous(arrivals, pool, 21);
      await second.stop();
      equal(arrivals.filter(({ event }) => event.type === 'tollgate.source.started.v1').length, 1);
    },
  },
  {
    title: 'says how far its source has come, in heartbeats that its key has signed',
    async run(harness) {
      const pool = harness.createPool();
      const arrivals = await listenToAll(harness);
      const relay = await startRelay(harness, await harness.createBus().createPublisher(), 100);
      await enqueueSamples(pool, 12);
      await assertContiguous(arrivals, pool, 13);
      const heartbeat = await until(
        () =>
          arrivals
            .map(({ event }) => event)
            .find((event) => event.type === 'tollgate.source.heartbeat.v1' && event.data.through === 13),
        IN_TIME,
      );
      const started = arrivals.find(({ event }) => event.type === 'tollgate.source.started.v1')?.event;
      ok(heartbeat.type === 'tollgate.source.heartbeat.v1');
      ok(started?.type === 'tollgate.source.started.v1');
      equal(heartbeat.sequence, undefined);
      deepEqual(heartbeat.data.counts, { 'tollgate.source.started.v1': 1, 'tollgate.rejections.v1': 12 });

      let chain: Buffer = Buffer.alloc(32);
      for (const [, bytes] of [...numbered(arrivals)].sort(([a], [b]) => a - b)) {
        chain = createHash('sha256').update(chain).update(bytes).digest();
      }
      equal(heartbeat.data.chain, chain.toString('hex'));
      const key = createPublicKey({
        format: 'jwk',
        key: {
          kty: 'OKP',
          crv: 'Ed25519',
          x: Buffer.from(started.data.public_key, 'base64').toString('base64url'),
        },
      });
      const signed = heartbeatSigningInput(heartbeat.source, 13, heartbeat.data.chain);
      ok(verify(null, signed, key, Buffer.from(heartbeat.data.signature, 'base64')));
      await relay.stop();
    },
  },
  {
    title: 'works a backlog off without pausing between its batches',
    async run(harness) {
      const pool = harness.createPool();
      await enqueueSamples(pool, BACKLOG / 2);
      await enqueueSampleBatch(pool, BACKLOG / 2);
      const arrivedMs: number[] = [];
      const relay = await startRelay(harness, {
        async publish(batch) {
          for (const _ of batch) arrivedMs.push(performance.now());
        },
        async close() {},
      });
      await until(() => arrivedMs.length > BACKLOG, IN_TIME);
      const tookMs = (arrivedMs.at(-1) ?? 0) - (arrivedMs[0] ?? 0);
      ok(tookMs < BACKLOG_MS, `${BACKLOG} events took ${Math.round(tookMs)} ms`);
      await relay.stop();
    },
  },
  {
    title: `hands a commit to the publisher within ${LATENCY_MS} ms`,
    async run(harness) {
      const pool = harness.createPool();
      let publishedMs = 0;
      const relay = await startRelay(harness, {
        async publish() {
          publishedMs = performance.now();
        },
        async close() {},
      });
      await until(() => publishedMs > 0, IN_TIME);
      const latencies: number[] = [];
      for (let round = 0; round < LATENCY_ROUNDS; round += 1) {
        await until(async () => (await pool.query('SELECT 1 FROM outbox')).rows.length === 0, IN_TIME);
        publishedMs = 0;
        await enqueueSamples(pool, 1);
        const committedMs = performance.now();
        await until(() => publishedMs > 0, { ...IN_TIME, intervalMs: 2 });
        latencies.push(publishedMs - committedMs);
      }
      const median = latencies.sort((a, b) => a - b)[Math.floor(LATENCY_ROUNDS / 2)] ?? 0;
      ok(median <= LATENCY_MS, `${Math.round(median)} ms`);
      await relay.stop();
    },
  },
];

async function assertContiguousSoFar(arrivals: readonly Arrival[], count: number): Promise<void> {
  await until(() => numbered(arrivals).size >= count, IN_TIME);
  equal(Math.max(...numbered(arrivals).keys()), count);
}
