import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { stat } from 'node:fs/promises';
import path from 'node:path';
import { until } from '@tollgate/testing';
import type { Bus, Follower, OutgoingMessage } from '../bus.ts';
import { IN_TIME } from './effects.ts';
import type { ContractCase } from './harness.ts';

const LATENCY_MS = 300;
/** The median of so many, because a shared machine stumbles now and then. */
const LATENCY_ROUNDS = 9;

function stateOf(entries: Readonly<Record<string, string>>): OutgoingMessage[] {
  return Object.entries(entries).map(([key, value]) => ({
    topic: 'directory',
    key,
    value: Buffer.from(value),
  }));
}

async function followInto(bus: Bus, state: Map<string, string>, snapshotFile?: string): Promise<Follower> {
  return bus.follow({
    topic: 'directory',
    ...(snapshotFile === undefined ? {} : { snapshotFile }),
    apply: ({ key, value }) => void state.set(key, value.toString()),
  });
}

export const followCases: readonly ContractCase[] = [
  {
    title: 'follows an empty topic, and then what comes',
    async run(harness) {
      const bus = harness.createBus();
      const state = new Map<string, string>();
      const follower = await followInto(bus, state);
      await follower.ready;
      ok(follower.caughtUp());
      equal(follower.trouble(), null);
      const publisher = await bus.createPublisher();
      await publisher.publish(stateOf({ a: '1' }));
      await until(() => state.get('a') === '1', IN_TIME);
    },
  },
  {
    title: 'is ready once it has the latest of every key',
    async run(harness) {
      const bus = harness.createBus();
      const publisher = await bus.createPublisher();
      const expected = new Map<string, string>();
      for (let version = 1; version <= 3; version += 1) {
        for (let key = 0; key < 200; key += 1) expected.set(`key-${key}`, `version ${version}`);
        await publisher.publish(stateOf(Object.fromEntries(expected)));
      }
      const state = new Map<string, string>();
      const follower = await followInto(bus, state);
      await follower.ready;
      deepEqual(state, expected);
    },
  },
  {
    title: `applies a change within ${LATENCY_MS} ms`,
    async run(harness) {
      const bus = harness.createBus();
      const state = new Map<string, string>();
      const publisher = await bus.createPublisher();
      const follower = await followInto(bus, state);
      await follower.ready;
      await publisher.publish(stateOf({ a: 'first' }));
      await until(() => state.get('a') === 'first', IN_TIME);
      const latencies: number[] = [];
      for (let round = 0; round < LATENCY_ROUNDS; round += 1) {
        const started = performance.now();
        await publisher.publish(stateOf({ a: `round ${round}` }));
        await until(() => state.get('a') === `round ${round}`, { ...IN_TIME, intervalMs: 2 });
        latencies.push(performance.now() - started);
      }
      const median = latencies.sort((a, b) => a - b)[Math.floor(LATENCY_ROUNDS / 2)] ?? 0;
      ok(median < LATENCY_MS, `${Math.round(median)} ms`);
    },
  },
  {
    title: 'starts from its snapshot while the log can not be reached, and says so',
    async run(harness) {
      const bus = harness.createBus();
      const snapshotFile = path.join(harness.folder, 'directory.snapshot');
      const publisher = await bus.createPublisher();
      await publisher.publish(stateOf({ a: '1', b: '2', ключ: 'значение' }));
      const before = new Map<string, string>();
      const first = await followInto(bus, before, snapshotFile);
      await first.ready;
      await first.stop();
      equal((await stat(snapshotFile)).mode & 0o777, 0o600);

      const after = new Map<string, string>();
      const second = await followInto(harness.createUnreachableBus(), after, snapshotFile);
      await second.ready;
      deepEqual(after, before);
      equal(second.caughtUp(), false);
      match(second.trouble() ?? '', /directory/);
      await second.stop();
    },
  },
  {
    title: 'reads on after its snapshot, and keeps what only the snapshot told',
    async run(harness) {
      const bus = harness.createBus();
      const snapshotFile = path.join(harness.folder, 'directory.snapshot');
      const publisher = await bus.createPublisher();
      await publisher.publish(stateOf({ a: '1', b: '1' }));
      const first = await followInto(bus, new Map(), snapshotFile);
      await first.ready;
      await first.stop();
      await publisher.publish(stateOf({ b: '2', c: '2' }));
      const state = new Map<string, string>();
      const second = await followInto(bus, state, snapshotFile);
      await second.ready;
      deepEqual(
        state,
        new Map([
          ['a', '1'],
          ['b', '2'],
          ['c', '2'],
        ]),
      );
      await second.stop();
    },
  },
  {
    title: 'does not use a torn snapshot',
    async run(harness) {
      const bus = harness.createBus();
      const snapshotFile = path.join(harness.folder, 'directory.snapshot');
      const { truncate } = await import('node:fs/promises');
      const publisher = await bus.createPublisher();
      await publisher.publish(stateOf({ a: '1', b: '2' }));
      const first = await followInto(bus, new Map(), snapshotFile);
      await first.ready;
      await first.stop();
      await truncate(snapshotFile, (await stat(snapshotFile)).size - 1);
      const state = new Map<string, string>();
      const second = await followInto(bus, state, snapshotFile);
      await second.ready;
      deepEqual(
        state,
        new Map([
          ['a', '1'],
          ['b', '2'],
        ]),
      );
      await second.stop();
    },
  },
];
