import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TollgateEvent } from '@tollgate/events';
import { temporaryFolder, until } from '@tollgate/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { SEGMENT_HEADER_BYTES } from '../spool/segment-header.ts';
import { DiskInTest } from '../spool/testing/disk-in-test.ts';
import type { OpenedSpool } from './open-spool.ts';
import { BrokerInMemory, requestEnds } from './testing/broker-in-memory.ts';
import { RequestLife } from './testing/request-life.ts';
import { newId, openTestSpool, reached } from './testing/spool-under-test.ts';

const opened: OpenedSpool[] = [];

afterEach(async () => {
  for (const spool of opened.splice(0)) await spool.stop(0);
});

function open(folder: string) {
  const spool = openTestSpool(folder);
  opened.push(spool);
  return { spool, life: new RequestLife(spool.spool, newId) };
}

/** A folder as a killed process leaves it, after `work`. */
async function killedAfter(
  work: (life: RequestLife, spool: OpenedSpool) => void | Promise<void>,
  from?: string,
): Promise<string> {
  const folder = from ?? temporaryFolder('life');
  const { spool, life } = open(folder);
  await work(life, spool);
  spool.spool.flush();
  const copy = temporaryFolder('killed');
  new DiskInTest().copyAfterKill(folder, copy);
  return copy;
}

async function publishAll(spool: OpenedSpool, broker = new BrokerInMemory()): Promise<BrokerInMemory> {
  spool.startPublishing(broker.publisher());
  await until(() => spool.stats().unacknowledgedEvents <= 0, { timeoutMs: 10_000, intervalMs: 2 });
  return broker;
}

function ofType<T extends TollgateEvent['type']>(
  events: TollgateEvent[],
  type: T,
): Extract<TollgateEvent, { type: T }>[] {
  return events.filter((event): event is Extract<TollgateEvent, { type: T }> => event.type === type);
}

describe('a new epoch', () => {
  test('closes a running stream with what is known of it, under the same attribution', async () => {
    const id = newId();
    const folder = await killedAfter((life, { spool }) => {
      life.request(id, 401);
      life.decision(id);
      spool.progress(id, 100, 0);
      spool.progress(id, 403, 0);
      spool.progress(newId(), 9999, 9999);
    });
    const { spool } = open(folder);
    expect(spool.recovered.closedRequests).toBe(1);
    const broker = await publishAll(spool);
    const [usage, ...others] = ofType(broker.eventsOf(spool.spool.source), 'tollgate.usage.v1');
    expect(others).toEqual([]);
    const [decision] = ofType(broker.events(), 'tollgate.decision.v1');
    expect(usage).toMatchObject({
      subject: id,
      data: {
        final: true,
        outcome: 'gateway-lost',
        fidelity: 'estimated',
        attempt: 1,
        attribution: decision?.data.attribution,
        requested_at: decision?.data.requested_at,
        client_request_id: decision?.data.client_request_id,
        lease_ids: ['lease-1'],
        quantities: { input_tokens: 101, output_tokens: 101 },
        output_bytes: 403,
        stream: true,
        status: null,
      },
    });
  });

  test('believes counted tokens over bytes, and numbers the lost attempt after those that failed', async () => {
    const id = newId();
    const folder = await killedAfter((life, { spool }) => {
      life.request(id);
      life.decision(id);
      life.usage(id, 1, false);
      life.usage(id, 2, false);
      spool.progress(id, 4000, 77);
    });
    const { spool } = open(folder);
    const broker = await publishAll(spool);
    const [usage] = ofType(broker.eventsOf(spool.spool.source), 'tollgate.usage.v1');
    expect(usage?.data).toMatchObject({ attempt: 3, final: true, quantities: { output_tokens: 77 } });
  });

  test('rejects a request that had no decision yet, and leaves alone what was closed', async () => {
    const [undecided, denied, done] = [newId(), newId(), newId()];
    const folder = await killedAfter((life) => {
      life.request(undecided);
      life.request(denied);
      life.decision(denied, 'denied');
      life.request(done);
      life.decision(done);
      life.usage(done);
    });
    const { spool } = open(folder);
    const broker = await publishAll(spool);
    const ends = requestEnds(broker.events());
    expect(ends.get(undecided)).toEqual({ requests: 1, decisions: ['gateway-lost'], finals: [] });
    expect(ends.get(denied)).toEqual({ requests: 1, decisions: ['denied_by_policy'], finals: [] });
    expect(ends.get(done)).toEqual({ requests: 1, decisions: ['allowed'], finals: ['completed'] });
    const [rejection] = ofType(broker.eventsOf(spool.spool.source), 'tollgate.decision.v1');
    expect(rejection?.data).toMatchObject({ phase: 'request', outcome: 'rejected', code: 'gateway-lost' });
  });

  test('closes nothing again that an earlier recovery closed, however many there were', async () => {
    const id = newId();
    let folder = await killedAfter((life) => {
      life.request(id);
      life.decision(id);
    });
    for (let again = 0; again < 4; again += 1) folder = await killedAfter(() => {}, folder);
    const { spool } = open(folder);
    expect(spool.recovered).toMatchObject({ closedRequests: 0 });
    expect(spool.recovered.earlierSources.length).toBe(5);
    const broker = await publishAll(spool);
    expect(requestEnds(broker.events()).get(id)?.finals).toEqual(['gateway-lost']);
  });

  test('names every earlier epoch, newest first, with its last number, counts and chain', async () => {
    const first = await killedAfter((life) => {
      life.request(newId());
    });
    const second = await killedAfter(() => {}, first);
    const { spool } = open(second);
    const broker = await publishAll(spool);
    const [started] = ofType(broker.eventsOf(spool.spool.source), 'tollgate.source.started.v1');
    const previous = started?.data.previous ?? [];
    expect(previous.map(({ source }) => source)).toEqual([...spool.recovered.earlierSources].reverse());
    for (const { source, through, chain, counts } of previous) {
      expect(through).toBe(broker.eventsOf(source).length);
      expect(chain).toBe(broker.chain(source, through));
      expect(Object.values(counts).reduce((a, b) => a + b, 0)).toBe(through);
    }
    expect(previous.at(-1)?.counts).toEqual({ 'tollgate.source.started.v1': 1, 'tollgate.request.v1': 1 });
    expect(started?.data.public_key).toBe(spool.instance.publicKey);
  });

  test('cuts a torn tail wherever it is torn, and numbers what came before it', async () => {
    const id = newId();
    const folder = await killedAfter((life) => {
      life.request(id);
      life.decision(id);
      life.usage(id);
    });
    const file = join(folder, '000000000000.segment');
    const bytes = readFileSync(file);
    const used = bytes.length - bytes.toReversed().findIndex((byte) => byte !== 0);
    for (const cut of [used - 1, used - 700, used - 1500, SEGMENT_HEADER_BYTES + 20]) {
      const copy = temporaryFolder('torn');
      new DiskInTest().copyAfterKill(folder, copy);
      const torn = Buffer.from(bytes);
      torn.fill(0, cut);
      writeFileSync(join(copy, '000000000000.segment'), torn);
      const { spool } = open(copy);
      const broker = await publishAll(spool);
      for (const end of requestEnds(broker.events()).values()) {
        expect(end).toMatchObject({ requests: 1, decisions: [expect.any(String)] });
        expect(end.finals.length).toBe(end.decisions[0] === 'allowed' ? 1 : 0);
      }
    }
  });

  test('says once which numbers damage in the middle of an epoch has cost', async () => {
    const folder = await killedAfter(async (life, { spool }) => {
      for (let i = 0; i < 600; i += 1) await reached(spool, 'relaxed', life.request(newId()));
    });
    const file = join(folder, '000000000000.segment');
    const bytes = readFileSync(file);
    bytes.writeUInt8(bytes.readUInt8(100_000) ^ 1, 100_000);
    writeFileSync(file, bytes);
    const again = await killedAfter(() => {}, folder);
    const { spool } = open(again);
    const broker = new BrokerInMemory();
    spool.startPublishing(broker.publisher());
    await until(() => spool.stats().unacknowledgedBytes === 0, { timeoutMs: 10_000 });
    const gaps = spool.recovered.earlierSources
      .slice(1)
      .concat(spool.spool.source)
      .flatMap((source) => ofType(broker.eventsOf(source), 'tollgate.source.gap.v1'));
    expect(gaps.length).toBe(1);
    expect(gaps[0]?.data).toMatchObject({
      reason: 'spool-corrupt',
      source: spool.recovered.earlierSources[0],
    });
    const { from, to } = gaps[0]?.data ?? { from: 0, to: 0 };
    expect(to).toBeGreaterThan(from);
    const published = broker.messages
      .map(({ value }) => value.toString())
      .filter((json) => json.includes(`"source":"${spool.recovered.earlierSources[0]}"`))
      .map((json) => Number(/"sequence":"(\d+)"/.exec(json)?.[1] ?? 0))
      .filter((n) => n > 0);
    expect(new Set(published).size).toBe(601 - (to - from + 1));
    expect(published.filter((n) => n >= from && n <= to)).toEqual([]);
    await spool.beat();
    const heartbeat = broker.heartbeats.find(({ source }) => source === spool.recovered.earlierSources[0]);
    expect(heartbeat?.data.through).toBe(601);
  });

  test('sets a file aside whose beginning is damaged, and says which numbers it had', async () => {
    const folder = await killedAfter(async (life, { spool }) => {
      for (let i = 0; i < 600; i += 1) await reached(spool, 'relaxed', life.request(newId()));
    });
    const file = join(folder, '000000000001.segment');
    const bytes = readFileSync(file);
    bytes.writeUInt8(bytes.readUInt8(3) ^ 1, 3);
    writeFileSync(file, bytes);
    const { spool } = open(folder);
    expect(spool.recovered.damagedFiles).toEqual([`${file}.bad`]);
    expect(spool.recovered.lostEvents).toBeGreaterThan(100);
    expect(spool.recovered.lostEvents).toBeLessThan(300);
    expect(spool.trouble()).toBeNull();
  });

  test('refuses a folder of another instance, and keeps its own name and key', async () => {
    const folder = await killedAfter(() => {});
    expect(() => openTestSpool(folder, { instance: 'gw-other' })).toThrow(
      expect.objectContaining({ code: 'spool-foreign', message: expect.stringContaining('gw-test') }),
    );
    const first = open(folder).spool.instance;
    expect(statSync(join(folder, 'instance-key.pem')).mode & 0o777).toBe(0o600);
    await opened.pop()?.stop(0);
    const second = open(folder).spool.instance;
    expect([second.name, second.publicKey]).toEqual([first.name, first.publicKey]);
  });

  test('can begin on a spool that is full of what the broker has not taken', async () => {
    const id = newId();
    const folder = await killedAfter((life) => {
      life.request(id);
      life.decision(id);
      for (;;) {
        try {
          life.request(newId());
        } catch {
          return;
        }
      }
    });
    const { spool } = open(folder);
    expect(spool.recovered.closedRequests).toBeGreaterThan(1000);
    const broker = await publishAll(spool);
    expect(requestEnds(broker.events()).get(id)?.finals).toEqual(['gateway-lost']);
  });
});
