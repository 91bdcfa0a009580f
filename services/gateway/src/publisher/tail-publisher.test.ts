import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, until } from '@tollgate/testing';
import { afterEach, describe, expect, test } from 'vitest';
import type { OpenedSpool, OpenSpoolOptions } from '../source/open-spool.ts';
import { BrokerInMemory } from '../source/testing/broker-in-memory.ts';
import { RequestLife } from '../source/testing/request-life.ts';
import { newId, openTestSpool, reached } from '../source/testing/spool-under-test.ts';

const opened: OpenedSpool[] = [];

afterEach(async () => {
  for (const spool of opened.splice(0)) await spool.stop(0);
});

function open(folder: string, settings: OpenSpoolOptions['settings'] = {}) {
  const spool = openTestSpool(folder, { settings });
  opened.push(spool);
  return { spool, life: new RequestLife(spool.spool, newId) };
}

function settled(spool: OpenedSpool): Promise<unknown> {
  return until(() => spool.stats().unacknowledgedEvents <= 0, { timeoutMs: 10_000, intervalMs: 2 });
}

describe('the publisher', () => {
  test('sends the bytes that were appended, each to the topic of its kind, keyed by its request', async () => {
    const broker = new BrokerInMemory();
    const { spool, life } = open(temporaryFolder('publish'));
    spool.startPublishing(broker.publisher());
    const id = newId();
    life.request(id);
    life.decision(id);
    life.usage(id);
    await settled(spool);
    const numbered = broker.messages.filter(({ value }) => value.includes('"sequence"'));
    expect(numbered.map(({ topic, key }) => [topic, key])).toEqual([
      ['sources', spool.spool.source],
      ['requests', id],
      ['decisions', id],
      ['usage', id],
    ]);
    expect(broker.chain(spool.spool.source, 4)).toBe(
      Buffer.from(await lastChain(spool, broker), 'hex').toString('hex'),
    );
  });

  test('sends a batch again, byte for byte, until it is acknowledged, and nothing behind it before', async () => {
    const broker = new BrokerInMemory();
    const answers = ['lose', 'doubt', 'lose', 'none'] as const;
    let attempts = 0;
    broker.fault = () => answers[attempts++] ?? 'none';
    const { spool, life } = open(temporaryFolder('publish'));
    spool.startPublishing(broker.publisher());
    for (let i = 0; i < 50; i += 1) life.request(newId());
    await settled(spool);
    expect(broker.duplicates).toBeGreaterThan(0);
    expect(broker.eventsOf(spool.spool.source).length).toBe(51);
  });

  test('gathers events while nobody waits, and sends at once when somebody does', async () => {
    const broker = new BrokerInMemory();
    const { spool, life } = open(temporaryFolder('publish'), { publishLingerMs: 3_600_000 });
    spool.startPublishing(broker.publisher());
    await until(() => broker.batches === 1, { timeoutMs: 2000 });
    const position = life.request(newId());
    await reached(spool.spool, 'disk', position);
    expect(broker.events()).toEqual([]);
    await reached(spool.spool, 'broker', life.request(newId()));
    expect(broker.eventsOf(spool.spool.source).length).toBe(3);
  });

  test('sends at once when a batch is full, and carries on over many segments', async () => {
    const broker = new BrokerInMemory();
    const { spool, life } = open(temporaryFolder('publish'), {
      publishLingerMs: 3_600_000,
      publishBatchBytes: 128 * 1024,
      maxBytes: 64 * 256 * 1024,
    });
    spool.startPublishing(broker.publisher());
    for (let i = 0; i < 2000; i += 1) {
      life.request(newId());
      if (i % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await until(() => spool.stats().unacknowledgedBytes < 128 * 1024, { timeoutMs: 10_000 });
    expect(broker.batches).toBeGreaterThan(10);
    expect(broker.eventsOf(spool.spool.source).length).toBeGreaterThan(1800);
  });

  test('does not send what is not on disk', async () => {
    const broker = new BrokerInMemory();
    const { spool, life } = open(temporaryFolder('publish'), { lazySyncMs: 3_600_000 });
    spool.startPublishing(broker.publisher());
    await settled(spool);
    life.request(newId());
    spool.spool.flush();
    await spool.tend();
    expect(broker.eventsOf(spool.spool.source).length).toBe(1);
  });

  test('goes on after a restart where the broker had acknowledged', async () => {
    const folder = temporaryFolder('publish');
    const before = new BrokerInMemory();
    const first = open(folder);
    first.spool.startPublishing(before.publisher());
    for (let i = 0; i < 20; i += 1) first.life.request(newId());
    await first.spool.stop(5000);
    expect(before.eventsOf(first.spool.spool.source).length).toBe(22);
    const after = new BrokerInMemory();
    const second = open(folder);
    second.spool.startPublishing(after.publisher());
    await settled(second.spool);
    expect(after.sources()).toEqual([second.spool.spool.source]);
  });

  test('sends what earlier epochs left before its own', async () => {
    const folder = temporaryFolder('publish');
    const first = open(folder);
    first.life.request(newId());
    await first.spool.stop(0);
    const broker = new BrokerInMemory();
    const second = open(folder);
    second.spool.startPublishing(broker.publisher());
    await settled(second.spool);
    expect(broker.sources()).toEqual([first.spool.spool.source, second.spool.spool.source]);
  });

  test('says so when the spool can not be read, and goes on when it can', async () => {
    const folder = temporaryFolder('publish');
    const broker = new BrokerInMemory();
    const { spool, life } = open(folder);
    const file = join(folder, '000000000000.segment');
    renameSync(file, `${file}.away`);
    spool.startPublishing(broker.publisher());
    life.request(newId());
    await until(() => spool.trouble() !== null, { timeoutMs: 5000, intervalMs: 1 });
    expect(spool.trouble()).toContain('ENOENT');
    renameSync(`${file}.away`, file);
    await settled(spool);
    expect(broker.eventsOf(spool.spool.source).length).toBe(2);
    expect(spool.trouble()).toBeNull();
  });

  test('stops at damage that came while it ran, rather than send what is not what was appended', async () => {
    const folder = temporaryFolder('publish');
    const broker = new BrokerInMemory();
    const { spool, life } = open(folder);
    await reached(spool.spool, 'disk', life.request(newId()));
    const file = join(folder, '000000000000.segment');
    const bytes = readFileSync(file);
    bytes.writeUInt8(bytes.readUInt8(5000) ^ 1, 5000);
    writeFileSync(file, bytes);
    spool.startPublishing(broker.publisher());
    await until(() => spool.trouble() !== null, { timeoutMs: 5000, intervalMs: 1 });
    expect(spool.trouble()).toContain('damaged');
    expect(broker.events().length).toBeLessThan(2);
  });

  test('leaves the rest on disk when a stop may not take longer', async () => {
    const folder = temporaryFolder('publish');
    const broker = new BrokerInMemory();
    broker.fault = () => 'hang';
    const first = open(folder);
    first.spool.startPublishing(broker.publisher());
    first.life.request(newId());
    await first.spool.stop(20);
    broker.fault = () => 'none';
    const second = open(folder);
    second.spool.startPublishing(broker.publisher());
    await settled(second.spool);
    // Its request was left open, so the second epoch ended it.
    expect(broker.eventsOf(first.spool.spool.source).length).toBe(3);
    expect(broker.eventsOf(second.spool.spool.source).length).toBe(2);
  });
});

/** The chain that the next heartbeat states. */
async function lastChain(spool: OpenedSpool, broker: BrokerInMemory): Promise<string> {
  await spool.beat();
  return broker.heartbeats.at(-1)?.data.chain ?? '';
}
