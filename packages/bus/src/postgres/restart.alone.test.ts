import { setTimeout as sleep } from 'node:timers/promises';
import { migrate, openPool, type Pool } from '@tollgate/database';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@tollgate/database/embedded';
import { parseEvent, TOPICS } from '@tollgate/events';
import { createLogger } from '@tollgate/telemetry';
import { seededRandom, temporaryFolder, until } from '@tollgate/testing';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { Bus, OutgoingMessage } from '../bus.ts';
import { assertEffects, assertNoRepeatedDelivery, countEffects, effectsOf } from '../contract/effects.ts';
import { type SampleEvent, sampleEvents } from '../contract/events.ts';
import { contractMigrations } from '../contract/index.ts';
import { busMigrations } from '../migrations.ts';
import { createPostgresBus } from './bus.ts';
import { initEmbeddedBus } from './init.ts';

const ROLE = 'bus_restart';
const IN_TIME = { timeoutMs: 60_000 };
const ROUNDS = 3;
/** One second at most between two attempts to connect; the rest is for slow machines. */
const SOON_MS = 5_000;

let server: EmbeddedPostgres;
let pool: Pool;
let bus: Bus;
beforeEach(async () => {
  // A killed process loses nothing that was written, so nothing has to be synced.
  server = await startEmbeddedPostgres({ dataFolder: temporaryFolder('bus'), settings: { fsync: false } });
  const ownerUrl = server.url;
  const rolePassword = 'restarted';
  await migrate({
    ownerUrl,
    schema: ROLE,
    role: ROLE,
    rolePassword,
    sets: [busMigrations, contractMigrations],
  });
  await initEmbeddedBus({ ownerUrl, roles: [{ role: ROLE, writes: TOPICS }] });
  const url = new URL(ownerUrl);
  url.username = ROLE;
  url.password = rolePassword;
  pool = openPool({ url: url.href, applicationName: 'bus-restart' });
  bus = createPostgresBus({ url: url.href }, { logger: createLogger({ service: 'bus', level: 'silent' }) });
});
afterEach(async () => {
  await bus.close();
  await pool.end();
  await server.destroy();
});

function outgoing(events: readonly SampleEvent[]): OutgoingMessage[] {
  return events.map(({ value }) => ({ topic: 'requests', key: 'key', value }));
}

it.each(['restart', 'kill'] as const)(
  'loses and doubles nothing, and goes on by itself, through a %s of Postgres at random moments',
  async (fault) => {
    const random = seededRandom(fault.length);
    const publisher = await bus.createPublisher();
    let handled = 0;
    const consumer = await bus.consume({
      group: 'contract',
      topics: ['requests'],
      pool,
      parse: parseEvent,
      async handle(batch, tx) {
        await effectsOf('first')(batch, tx);
        handled += batch.messages.length;
      },
      maxBatch: 10,
    });
    const state = new Map<string, string>();
    const follower = await bus.follow({
      topic: 'directory',
      apply: ({ key, value }) => void state.set(key, value.toString()),
    });
    await follower.ready;

    const ids: string[] = [];
    let publishing = true;
    let refused = 0;
    async function publishUntilTaken(batch: readonly OutgoingMessage[]): Promise<void> {
      for (;;) {
        try {
          return await publisher.publish(batch);
        } catch {
          refused += 1;
          await sleep(20);
        }
      }
    }
    const published = (async () => {
      for (let version = 1; publishing; version += 1) {
        const events = sampleEvents(random.integer(1, 30));
        const value = Buffer.from(`version ${version}`);
        await publishUntilTaken([...outgoing(events), { topic: 'directory', key: 'a', value }]);
        ids.push(...events.map(({ id }) => id));
        await until(() => handled > ids.length - 300, IN_TIME);
      }
    })();

    for (let round = 0; round < ROUNDS; round += 1) {
      const effects = ids.length + random.integer(20, 120);
      await until(async () => (await countEffects(pool)) >= effects, { ...IN_TIME, intervalMs: 2 });
      if (fault === 'kill') await server.kill();
      await server.restart();
    }
    publishing = false;
    await published;
    expect(refused).toBeGreaterThan(0);
    await publishUntilTaken([{ topic: 'directory', key: 'a', value: Buffer.from('last') }]);
    await assertEffects(pool, ids);
    await assertNoRepeatedDelivery(pool);
    await until(() => state.get('a') === 'last', IN_TIME);
    await until(() => consumer.trouble() === null && follower.trouble() === null, IN_TIME);
  },
  180_000,
);

it('says that the database is away, and goes on soon after its return', async () => {
  const publisher = await bus.createPublisher();
  const consumer = await bus.consume({
    group: 'contract',
    topics: ['requests'],
    pool,
    parse: parseEvent,
    handle: effectsOf('first'),
  });
  await until(() => consumer.trouble() === null, IN_TIME);
  await server.kill();
  await until(() => consumer.trouble() !== null, IN_TIME);
  await expect(publisher.publish(outgoing(sampleEvents(1)))).rejects.toMatchObject({
    code: 'publish-failed',
  });
  await server.restart();
  const returnedMs = performance.now();
  const events = sampleEvents(5);
  await publisher.publish(outgoing(events));
  await assertEffects(
    pool,
    events.map(({ id }) => id),
  );
  expect(performance.now() - returnedMs).toBeLessThan(SOON_MS);
  await until(() => consumer.trouble() === null, IN_TIME);
});
