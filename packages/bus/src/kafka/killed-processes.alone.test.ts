import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { transaction } from '@tollgate/database';
import { parseEvent, parseSequence } from '@tollgate/events';
import { createLogger } from '@tollgate/telemetry';
import { seededRandom, until } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { assertEffects, assertNoRepeatedDelivery } from '../contract/effects.ts';
import { sampleDraft } from '../contract/events.ts';
import type { VictimOrders } from '../contract/victim.ts';
import { enqueue } from '../outbox/enqueue.ts';
import { createKafkaHarness, type KafkaHarness } from './kafka-harness.ts';
import { readTopic } from './topics/read-topic.ts';

/** Longer and other runs: `TOLLGATE_KILLS=50 TOLLGATE_SEED=7 npx vitest run killed-processes`. */
const KILLS = Number(process.env['TOLLGATE_KILLS'] ?? 6);
const SEED = Number(process.env['TOLLGATE_SEED'] ?? Date.now() % 1_000_000);
const SESSION_TIMEOUT_MS = 6_000;
const DRAIN_MS = 60_000;
const VICTIM = path.join(import.meta.dirname, '..', 'contract', 'victim.ts');

const logger = createLogger({ service: 'killed-processes', level: 'silent' });

describe('a relay and consumers that are killed at any moment', () => {
  let harness: KafkaHarness;
  const victims = new Set<ChildProcess>();
  beforeEach(async () => {
    harness = await createKafkaHarness();
  });
  afterEach(async () => {
    await Promise.all([...victims].map(kill));
    await harness?.close();
  });

  function start(role: VictimOrders['role']): ChildProcess {
    const orders: VictimOrders = {
      role,
      brokers: harness.config.brokers,
      topicPrefix: harness.config.topicPrefix,
      databaseUrl: harness.connection.url,
      sessionTimeoutMs: SESSION_TIMEOUT_MS,
    };
    const victim = spawn(process.execPath, [VICTIM, JSON.stringify(orders)], { stdio: 'inherit' });
    victims.add(victim);
    return victim;
  }
  async function kill(victim: ChildProcess): Promise<void> {
    victims.delete(victim);
    if (victim.exitCode !== null || victim.signalCode !== null) return;
    const gone = once(victim, 'exit');
    victim.kill('SIGKILL');
    await gone;
  }

  it(
    `publish each event with one number and one form, and have its effect once (seed ${SEED}, ${KILLS} kills)`,
    async () => {
      const random = seededRandom(SEED);
      const pool = harness.createPool();
      const ids: string[] = [];
      const inserting = new AbortController();
      const insertingDone = (async () => {
        while (!inserting.signal.aborted) {
          const drafts = Array.from({ length: random.integer(1, 60) }, () => sampleDraft());
          await transaction(pool, (tx) =>
            enqueue(
              tx,
              drafts.map((draft) => ({ draft, key: 'key' })),
            ),
          );
          ids.push(...drafts.map(({ id }) => id));
          await sleep(random.integer(0, 30));
        }
      })();

      let relay = start('relay');
      let consumers = [start('consumer'), start('consumer')];
      for (let killed = 0; killed < KILLS; killed += 1) {
        await sleep(random.integer(400, 2_500));
        if (killed % 2 === 0) {
          await kill(relay);
          relay = start('relay');
        } else {
          const victim = random.pick(consumers);
          await kill(victim);
          consumers = [...consumers.filter((one) => one !== victim), start('consumer')];
        }
      }
      inserting.abort();
      await insertingDone;
      await until(async () => (await pool.query('SELECT 1 FROM outbox LIMIT 1')).rows.length === 0, {
        timeoutMs: DRAIN_MS,
        describe: 'the outbox does not become empty',
      });

      const bytes = new Map<number, Buffer>();
      let startedId = '';
      for (const topic of ['requests', 'sources'] as const) {
        const context = {
          config: harness.config,
          logger,
          clientId: 'test',
          nowMs: Date.now,
          random: Math.random,
        };
        await readTopic(context, topic, (_partition, message) => {
          const value = message.value ?? Buffer.alloc(0);
          const parsed = parseEvent(value);
          if (parsed.kind !== 'event' || parsed.event.sequence === undefined) return;
          if (parsed.event.type === 'tollgate.source.started.v1') startedId = parsed.event.id;
          const sequence = parseSequence(parsed.event.sequence);
          expect(bytes.get(sequence) ?? value).toEqual(value);
          bytes.set(sequence, value);
        });
      }
      expect([...bytes.keys()].sort((a, b) => a - b)).toEqual(
        Array.from({ length: ids.length + 1 }, (_, index) => index + 1),
      );

      // Heartbeats have effects too; they are not among what was inserted.
      await until(
        async () => {
          const { rows } = await pool.query<{ count: bigint }>(
            'SELECT count(*) FROM effect WHERE event_id = ANY ($1::uuid[])',
            [ids],
          );
          return Number(rows[0]?.count) >= ids.length;
        },
        { timeoutMs: DRAIN_MS, describe: 'effects are missing' },
      );
      await harness
        .createOwnerPool()
        .query('DELETE FROM effect WHERE event_id <> ALL ($1::uuid[])', [[...ids, startedId]]);
      await assertEffects(pool, [...ids, startedId]);
      await assertNoRepeatedDelivery(pool);
    },
    DRAIN_MS * 3 + KILLS * 10_000,
  );
});
