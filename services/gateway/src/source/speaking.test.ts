import { createPublicKey, verify } from 'node:crypto';
import { heartbeatSigningInput, type TollgateEvent } from '@tollgate/events';
import { temporaryFolder, until } from '@tollgate/testing';
import { afterEach, describe, expect, test } from 'vitest';
import type { OpenedSpool, OpenSpoolOptions } from './open-spool.ts';
import type { GapRegister, InstanceRegister } from './services.ts';
import { BrokerInMemory } from './testing/broker-in-memory.ts';
import { RequestLife } from './testing/request-life.ts';
import { newId, openTestSpool, reached } from './testing/spool-under-test.ts';

const opened: OpenedSpool[] = [];

afterEach(async () => {
  for (const spool of opened.splice(0)) await spool.stop(0);
});

function open(folder: string, options: Partial<OpenSpoolOptions> = {}) {
  const spool = openTestSpool(folder, options);
  opened.push(spool);
  const settled = (): Promise<unknown> =>
    until(() => spool.stats().unacknowledgedEvents <= 0, { timeoutMs: 10_000, intervalMs: 2 });
  return { spool, life: new RequestLife(spool.spool, newId), settled };
}

function isSigned(
  publicKey: string,
  source: string,
  data: { through: number; chain: string; signature: string },
) {
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(publicKey, 'base64').toString('base64url') },
    format: 'jwk',
  });
  const input = heartbeatSigningInput(source, data.through, data.chain);
  return verify(null, input, key, Buffer.from(data.signature, 'base64'));
}

/** An audit service that misses what the test says. */
function auditMissing(gaps: () => { source: string; from: number; to: number }[]) {
  const asked: string[] = [];
  const audit: GapRegister = {
    gapsOf: async (instance) => {
      asked.push(instance);
      return gaps();
    },
  };
  return { audit, asked };
}

function gapEvents(broker: BrokerInMemory): TollgateEvent<'tollgate.source.gap.v1'>[] {
  return broker.events().filter((event) => event.type === 'tollgate.source.gap.v1');
}

describe('heartbeats', () => {
  test('state what is on disk, signed, and not what is only in memory', async () => {
    const broker = new BrokerInMemory();
    const { spool, life } = open(temporaryFolder('beat'), { settings: { lazySyncMs: 3_600_000 } });
    spool.startPublishing(broker.publisher());
    await reached(spool.spool, 'disk', life.request(newId()));
    life.request(newId());
    await spool.beat();
    const heartbeat = broker.heartbeats.at(-1);
    expect(heartbeat?.data.through).toBe(2);
    expect(heartbeat?.data.counts).toEqual({ 'tollgate.source.started.v1': 1, 'tollgate.request.v1': 1 });
    expect(isSigned(spool.instance.publicKey, spool.spool.source, heartbeat?.data ?? never())).toBe(true);
    await until(() => broker.sources().length > 0 && broker.eventsOf(spool.spool.source).length === 2, {
      timeoutMs: 2000,
    });
    expect(heartbeat?.data.chain).toBe(broker.chain(spool.spool.source, 2));
    expect(heartbeat?.sequence).toBeUndefined();
  });

  test('speak for earlier epochs at first and then once a minute, while their events are on the spool', async () => {
    const folder = temporaryFolder('beat');
    const first = open(folder);
    await first.spool.stop(0);
    let nowMs = 1_000_000;
    const clock = { now: () => nowMs, monotonic: () => nowMs };
    const broker = new BrokerInMemory();
    const { spool, settled } = open(folder, {
      clock,
      settings: { retainMs: 300_000, earlierHeartbeatMs: 60_000 },
    });
    const said = (): number =>
      broker.heartbeats.filter(({ source }) => source === first.spool.spool.source).length;
    spool.startPublishing(broker.publisher());
    await settled();
    expect(said()).toBe(1);
    await spool.beat();
    expect(said()).toBe(1);
    nowMs += 60_000;
    await spool.beat();
    expect(said()).toBe(2);
    nowMs += 300_000;
    await spool.tend();
    await spool.beat();
    expect(said()).toBe(2);
    const last = broker.heartbeats.findLast(({ source }) => source === first.spool.spool.source);
    expect(last?.data.through).toBe(2);
    expect(isSigned(spool.instance.publicKey, first.spool.spool.source, last?.data ?? never())).toBe(true);
  });
});

describe('an ordered stop', () => {
  test('ends the epoch with a signed statement over everything before it', async () => {
    const broker = new BrokerInMemory();
    const { spool, life } = open(temporaryFolder('stop'));
    spool.startPublishing(broker.publisher());
    life.request(newId());
    await spool.stop(5000);
    const events = broker.eventsOf(spool.spool.source);
    const stopped = events.at(-1);
    if (stopped?.type !== 'tollgate.source.stopped.v1') throw new Error('the last event is no stop');
    expect(stopped.data.through).toBe(events.length - 1);
    expect(stopped.data.chain).toBe(broker.chain(spool.spool.source, events.length - 1));
    expect(isSigned(spool.instance.publicKey, spool.spool.source, stopped.data)).toBe(true);
    expect(() => life.request(newId())).toThrow(expect.objectContaining({ code: 'spool-stopped' }));
  });
});

describe('gap answers', () => {
  test('send the very same bytes again, and only what was asked for', async () => {
    const broker = new BrokerInMemory();
    const { spool, life, settled } = open(temporaryFolder('gap'));
    const { source } = spool.spool;
    const { audit, asked } = auditMissing(() => [{ source, from: 3, to: 5 }]);
    spool.startPublishing(broker.publisher(), { audit });
    for (let i = 0; i < 9; i += 1) life.request(newId());
    await settled();
    const before = broker.messages.length;
    await spool.answerGaps();
    const again = broker.messages.slice(before);
    expect(asked).toEqual(['gw-test']);
    expect(again.map(({ value }) => JSON.parse(value.toString()).sequence)).toEqual(
      [3, 4, 5].map((n) => String(n).padStart(19, '0')),
    );
    // The broker refuses two events of one number that differ.
    expect(broker.duplicates).toBe(3);
    expect(spool.stats().resentEvents).toBe(3);
  });

  test('reach over segments and into earlier epochs', async () => {
    const folder = temporaryFolder('gap');
    const first = open(folder);
    for (let i = 0; i < 700; i += 1) await reached(first.spool.spool, 'relaxed', first.life.request(newId()));
    await first.spool.stop(0);
    const broker = new BrokerInMemory();
    const { spool, settled } = open(folder);
    const { source } = first.spool.spool;
    const { audit } = auditMissing(() => [
      { source, from: 2, to: 699 },
      { source: '/gateways/gw-else/1', from: 1, to: 1 },
    ]);
    spool.startPublishing(broker.publisher(), { audit });
    await settled();
    await spool.answerGaps();
    expect(broker.duplicates).toBe(698);
  });

  test('leave to the publisher what is not acknowledged yet', async () => {
    const broker = new BrokerInMemory();
    const { spool, life } = open(temporaryFolder('gap'), { settings: { publishLingerMs: 3_600_000 } });
    const { source } = spool.spool;
    const { audit } = auditMissing(() => [{ source, from: 1, to: 3 }]);
    spool.startPublishing(broker.publisher(), { audit });
    await reached(spool.spool, 'broker', life.request(newId()));
    await reached(spool.spool, 'disk', life.request(newId()));
    await spool.answerGaps();
    expect(broker.duplicates).toBe(2);
    expect(broker.eventsOf(source).length).toBe(2);
    expect(gapEvents(broker)).toEqual([]);
  });

  test('say once what is no longer there, also after a restart', async () => {
    const folder = temporaryFolder('gap');
    const broker = new BrokerInMemory();
    const first = open(folder, { settings: { retainMs: 0, retainBytes: 0 } });
    const { source } = first.spool.spool;
    const { audit } = auditMissing(() => [{ source, from: 2, to: 4 }]);
    first.spool.startPublishing(broker.publisher(), { audit });
    for (let i = 0; i < 700; i += 1) {
      const id = newId();
      first.life.request(id);
      await reached(first.spool.spool, 'relaxed', first.life.decision(id, 'denied'));
    }
    await first.settled();
    await first.spool.tend();
    await first.spool.answerGaps();
    await first.spool.answerGaps();
    await first.settled();
    expect(gapEvents(broker).map(({ data }) => data)).toMatchObject([
      { reason: 'spool-expired', source, from: 2, to: 4, unrecorded_requests: 0 },
    ]);
    await first.spool.stop(5000);
    const second = open(folder);
    second.spool.startPublishing(broker.publisher(), { audit });
    await second.spool.answerGaps();
    await second.settled();
    expect(gapEvents(broker).length).toBe(1);
  });

  test('survive an audit service that does not answer', async () => {
    const broker = new BrokerInMemory();
    const { spool } = open(temporaryFolder('gap'));
    const audit: GapRegister = { gapsOf: () => Promise.reject(new Error('away')) };
    spool.startPublishing(broker.publisher(), { audit });
    for (let round = 0; round < 3; round += 1) await spool.answerGaps();
    expect(spool.trouble()).toBeNull();
  });
});

describe('requests that passed unrecorded', () => {
  test('are told in one event when there is room again', async () => {
    const broker = new BrokerInMemory();
    const { spool, life, settled } = open(temporaryFolder('full'), {
      settings: { maxBytes: 3 * 256 * 1024, retainMs: 0, retainBytes: 0 },
    });
    const fill = (): void => {
      for (;;) {
        try {
          const id = newId();
          life.request(id);
          life.decision(id, 'denied');
        } catch {
          return;
        }
      }
    };
    fill();
    expect(spool.spool.hasRoom(1000)).toBe(false);
    expect(spool.trouble()).toContain('bring the broker back');
    for (let i = 0; i < 7; i += 1) spool.countUnrecorded();
    await spool.tend();
    spool.startPublishing(broker.publisher());
    await settled();
    await spool.tend();
    await settled();
    expect(gapEvents(broker).map(({ data }) => data)).toMatchObject([
      { reason: 'spool-full', source: spool.spool.source, unrecorded_requests: 7 },
    ]);
    expect(spool.trouble()).toBeNull();
  });

  test('are told from the reserve when the gateway stops before there is', async () => {
    const folder = temporaryFolder('full');
    const { spool, life } = open(folder, { settings: { maxBytes: 3 * 256 * 1024 } });
    expect(() => {
      for (;;) life.decision(newId(), 'denied');
    }).toThrow(expect.objectContaining({ code: 'spool-full' }));
    spool.countUnrecorded();
    await spool.stop(0);
    const broker = new BrokerInMemory();
    const next = open(folder);
    next.spool.startPublishing(broker.publisher());
    await next.settled();
    const last = broker.eventsOf(spool.spool.source).slice(-2);
    expect(last.map(({ type }) => type)).toEqual(['tollgate.source.gap.v1', 'tollgate.source.stopped.v1']);
  });
});

describe('the registration of the key', () => {
  test('is tried again until the directory has taken it', async () => {
    const posted: unknown[] = [];
    const directory: InstanceRegister = {
      register: async (instance, publicKey) => {
        posted.push({ instance, publicKey });
        if (posted.length < 3) throw new Error('the directory is away');
      },
    };
    const { spool } = open(temporaryFolder('register'), { settings: { registerMs: 5 } });
    spool.startPublishing(new BrokerInMemory().publisher(), { directory });
    await until(() => spool.stats().registered, { timeoutMs: 5000, intervalMs: 2 });
    expect(posted.length).toBe(3);
    expect(posted[0]).toEqual({ instance: 'gw-test', publicKey: spool.instance.publicKey });
  });
});

function never(): never {
  throw new Error('there was no such event');
}
