import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '@tollgate/telemetry';
import { seededRandom, until } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type TestSource, testSource } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { readPublication } from '../tree/publication.ts';
import { startIntegrator } from './integrator.ts';

const SEED = 4_242;
const KILLS = 5;
const TIMEOUT_MS = 60_000;
const CHILD = path.join(import.meta.dirname, '..', 'testing', 'integrator-process.ts');
const random = seededRandom(SEED);

let stand: Stand;
const children: ChildProcess[] = [];
beforeEach(async () => {
  stand = await openStand();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  await stand.close();
});

/** Resolves when the process writes the log. */
async function integratorProcess(): Promise<ChildProcess> {
  const url = stand.database.urlFor('audit');
  const child = spawn(process.execPath, [CHILD, url, stand.folder, '20'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  children.push(child);
  await once(child.stdout, 'data');
  return child;
}

async function expectExactly(source: TestSource): Promise<void> {
  expect(await stand.assertWhole()).toBe(source.events.length);
  const archived = (await stand.archived()).map(({ bytes }) => bytes.toString()).sort();
  expect(archived).toEqual(source.events.map((bytes) => bytes.toString()).sort());
}

describe('the integrator', () => {
  it('keeps one history through kill -9 at random moments', { timeout: TIMEOUT_MS }, async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    for (let i = 0; i < 4_000; i += 1) source.usage();
    for (let at = 0; at < source.events.length; at += 500) {
      await stand.deliver(random.shuffle(source.events.slice(at, at + 500)));
    }
    for (let kill = 0; kill < KILLS; kill += 1) {
      const child = await integratorProcess();
      await sleep(random.integer(0, 120));
      child.kill('SIGKILL');
      await once(child, 'exit');
      // Again what came before: a consumer whose commit was lost does just that.
      await stand.deliver(random.shuffle(source.events).slice(0, 200));
      await stand.assertWhole();
    }
    const size = await stand.size();
    expect(size, 'the kills came while it wrote').toBeLessThan(source.events.length);
    const { size: published = 0 } = (await readPublication(stand.pool)) ?? {};
    expect(published, 'it had published by then').toBeGreaterThan(0);
    await integratorProcess();
    await until(async () => (await readPublication(stand.pool))?.size === source.events.length, {
      timeoutMs: TIMEOUT_MS,
    });
    await expectExactly(source);
  });

  it('goes on when its connections are cut, again and again', { timeout: TIMEOUT_MS }, async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    for (let i = 0; i < 1_500; i += 1) source.usage();
    await stand.deliver(source.events);
    const integrator = startIntegrator({
      ...stand.writerOptions({ maxBatch: 5 }),
      lock: { url: stand.database.urlFor('audit') },
      logger: createLogger({ service: 'audit', level: 'silent' }),
    });
    for (let cut = 0; cut < 5; cut += 1) {
      const size = await stand.size();
      await until(async () => (await stand.size()) > size, {
        timeoutMs: TIMEOUT_MS,
        intervalMs: 5,
      });
      await stand.owner.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'audit' AND datname = current_database()",
      );
    }
    expect(await stand.size(), 'it was cut while it wrote').toBeLessThan(1_500);
    await until(async () => (await stand.size()) === 1_500, { timeoutMs: TIMEOUT_MS });
    await integrator.stop();
    await expectExactly(source);
  });

  it('leads alone, and hands over when it stops', { timeout: TIMEOUT_MS }, async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    const start = () =>
      startIntegrator({
        ...stand.writerOptions(),
        lock: { url: stand.database.urlFor('audit') },
        logger: createLogger({ service: 'audit', level: 'silent' }),
      });
    const first = start();
    await until(() => first.leads(), { timeoutMs: TIMEOUT_MS });
    const second = start();
    source.usage();
    await stand.deliver(source.events);
    await until(async () => (await stand.size()) === 1, { timeoutMs: TIMEOUT_MS });
    expect(second.leads()).toBe(false);
    await first.stop();
    source.usage();
    await stand.deliver(source.events);
    await until(async () => (await stand.size()) === 2, { timeoutMs: TIMEOUT_MS });
    expect(second.leads()).toBe(true);
    await second.stop();
    await expectExactly(source);
  });

  it('goes on by itself after a failed epoch, and past an event id that was taken', {
    timeout: TIMEOUT_MS,
  }, async () => {
    const first = testSource(seededRandom(1), '/gateways/gw-1/e1');
    const double = testSource(seededRandom(1), '/gateways/gw-2/e1');
    first.usage();
    double.usage();
    await stand.deliver(first.events);
    await stand.integrate();
    let failures = 2;
    const integrator = startIntegrator({
      ...stand.writerOptions(),
      lock: { url: stand.database.urlFor('audit') },
      logger: createLogger({ service: 'audit', level: 'silent' }),
      onStep: (step) => {
        if (step === 'synced' && failures-- > 0) throw new Error('disk full');
      },
    });
    first.usage();
    await stand.deliver([...double.events, ...first.events]);
    await until(async () => (await stand.size()) === 2, { timeoutMs: TIMEOUT_MS });
    await until(() => integrator.trouble() === null, { timeoutMs: TIMEOUT_MS });
    await integrator.stop();
    expect((await stand.pool.query('SELECT kind FROM conflict')).rows).toEqual([{ kind: 'id-reused' }]);
    await expectExactly(first);
  });
});
