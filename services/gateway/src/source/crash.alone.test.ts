import { join } from 'node:path';
import { type SeededRandom, seededRandom, temporaryFolder, until } from '@tollgate/testing';
import { afterEach, describe, expect, test } from 'vitest';
import { DiskInTest } from '../spool/testing/disk-in-test.ts';
import type { OpenedSpool } from './open-spool.ts';
import { BrokerInMemory, requestEnds } from './testing/broker-in-memory.ts';
import { RequestLife } from './testing/request-life.ts';
import { newId, openTestSpool } from './testing/spool-under-test.ts';

const opened: OpenedSpool[] = [];

afterEach(async () => {
  for (const spool of opened.splice(0)) await spool.stop(0);
});

/** What the gateway's callers were told, which no crash may take back. */
interface Promised {
  /** Requests that were safe on disk before they went upstream. */
  readonly onDisk: Set<string>;
  /** Requests whose final usage was in the page cache before the answer ended. */
  readonly answered: Set<string>;
}

/** One life of a gateway on a folder: requests in all states, at random, until the disk dies. */
async function live(folder: string, broker: BrokerInMemory, random: SeededRandom, promised: Promised) {
  const disk = new DiskInTest();
  let untilCrash = random.integer(1, 60);
  // Dying while it opens is as likely as dying at work.
  disk.fault = () => (untilCrash-- > 0 ? 'none' : 'dead');
  let spool: OpenedSpool;
  try {
    spool = openTestSpool(folder, { disk, settings: { retainMs: 0, retainBytes: 0 } });
  } catch {
    return disk;
  }
  opened.push(spool);
  spool.startPublishing(broker.publisher());
  const life = new RequestLife(spool.spool, newId);
  const running: { id: string; release: () => void; allowed: boolean }[] = [];
  for (let step = 0; step < 400 && untilCrash > 0; step += 1) {
    try {
      const dice = random.next();
      if (dice < 0.35) {
        const id = newId();
        const hold = spool.spool.hold(life.request(id));
        if (random.next() < 0.1) {
          running.push({ id, release: () => hold.release(), allowed: false });
          continue;
        }
        const position = life.decision(id);
        if (random.next() < 0.5)
          spool.spool.after('disk', position, (error) => error ?? promised.onDisk.add(id));
        running.push({ id, release: () => hold.release(), allowed: true });
      } else if (dice < 0.65 && running.length > 0) {
        const [ending] = running.splice(random.integer(0, running.length - 1), 1);
        if (ending === undefined) continue;
        if (ending.allowed) life.usage(ending.id);
        else life.decision(ending.id, 'denied');
        ending.release();
        spool.spool.flush();
        promised.answered.add(ending.id);
      } else if (dice < 0.75) {
        const going = running.find(({ allowed }) => allowed);
        if (going !== undefined) spool.spool.progress(going.id, random.integer(0, 4000), 0);
      } else if (dice < 0.8) {
        await spool.tend();
      } else {
        await new Promise((resolve) => setImmediate(resolve));
      }
    } catch {
      break;
    }
  }
  disk.dead = true;
  return disk;
}

/** Runs crash after crash on one spool, then one life without, and checks what consumers were given. */
async function crashAgainAndAgain(seed: number, powerLoss: boolean): Promise<void> {
  const random = seededRandom(seed);
  const broker = new BrokerInMemory();
  broker.fault = () => random.pick(['none', 'none', 'none', 'lose', 'doubt'] as const);
  const promised: Promised = { onDisk: new Set(), answered: new Set() };
  const root = temporaryFolder('crash');
  let folder = join(root, '0');
  const crashes = random.integer(2, 5);
  for (let crash = 1; crash <= crashes; crash += 1) {
    const disk = await live(folder, broker, random, promised);
    const next = join(root, String(crash));
    if (powerLoss) disk.copyAfterPowerLoss(folder, next, random);
    else disk.copyAfterKill(folder, next);
    for (const spool of opened.splice(0)) await spool.stop(0);
    folder = next;
  }
  broker.fault = () => 'none';
  const last = openTestSpool(folder);
  opened.push(last);
  last.startPublishing(broker.publisher());
  await until(() => last.stats().unacknowledgedEvents <= 0, { timeoutMs: 10_000, intervalMs: 2 });

  const ends = requestEnds(broker.events());
  for (const [id, end] of ends) {
    expect(end.requests, `request events of ${id}`).toBe(1);
    expect(end.decisions.length, `decisions of ${id}: ${end.decisions.join()}`).toBe(1);
    expect(end.finals.length, `final usages of ${id}: ${end.finals.join()}`).toBe(
      end.decisions[0] === 'allowed' ? 1 : 0,
    );
  }
  for (const id of promised.onDisk) expect(ends.has(id), `${id} was on disk`).toBe(true);
  if (!powerLoss) {
    for (const id of promised.answered) {
      const { decisions = [], finals = [] } = ends.get(id) ?? {};
      expect([...decisions, ...finals], `${id} was answered`).not.toContain('gateway-lost');
      expect(decisions.length).toBe(1);
    }
  }
  for (const source of broker.sources()) {
    const events = broker.eventsOf(source);
    expect(events[0]?.type).toBe('tollgate.source.started.v1');
  }
  await last.beat();
  for (const { source, data } of broker.heartbeats) {
    if (data.through <= broker.eventsOf(source).length) {
      expect(data.chain).toBe(broker.chain(source, data.through));
    }
  }
  expect(broker.heartbeats.at(-1)?.data.through).toBe(broker.eventsOf(last.spool.source).length);
}

describe('a spool that crashes again and again, also while it recovers', () => {
  const seeds = Array.from({ length: Number(process.env['TOLLGATE_SEEDS'] ?? 15) }, (_, i) => i + 1);

  test.each(seeds)('loses and doubles nothing when the process is killed (seed %i)', async (seed) => {
    await crashAgainAndAgain(seed, false);
  });

  test.each(seeds)('keeps what was on disk when the power fails (seed %i)', async (seed) => {
    await crashAgainAndAgain(1000 + seed, true);
  });
});
