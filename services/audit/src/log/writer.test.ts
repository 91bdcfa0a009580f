import { seededRandom } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openFileSegments } from '../archive/file-segments.ts';
import { testSource } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { LogWriter, type WriterStep } from './writer.ts';

let stand: Stand;
const random = seededRandom(20_260_301);

beforeEach(async () => {
  stand = await openStand();
});
afterEach(async () => {
  await stand.close();
});

const sortedBytes = (events: Iterable<Buffer>) => [...events].map((bytes) => bytes.toString()).sort();

async function expectExactly(events: readonly Buffer[]): Promise<void> {
  expect(await stand.assertWhole()).toBe(events.length);
  const archived = await stand.archived();
  expect(sortedBytes(archived.map(({ bytes }) => bytes))).toEqual(sortedBytes(events));
}

async function runToEnd(writer: LogWriter): Promise<void> {
  const done = new AbortController();
  for await (const { rows } of writer.run(done.signal)) if (rows === 0) done.abort();
}

describe('the writer', () => {
  it('archives the published bytes and indexes them', async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    for (let i = 0; i < 50; i += 1) source.usage();
    await stand.deliver(source.events);
    await stand.integrate();
    await expectExactly(source.events);
    const { rows } = await stand.pool.query('SELECT count(*)::int AS n FROM inbox');
    expect(rows).toEqual([{ n: 0 }]);
  });

  it('leaves the exact set of events, whatever comes twice, in whatever order', async () => {
    const sources = ['a', 'b', 'c'].map((name) => testSource(random, `/gateways/${name}/e1`));
    for (const source of sources) for (let i = 0; i < 60; i += 1) source.usage();
    const all = sources.flatMap(({ events }) => events);
    for (let round = 0; round < 3; round += 1) {
      const shuffled = random.shuffle([...all, ...all]);
      for (let at = 0; at < shuffled.length; at += 37) {
        await stand.deliver(shuffled.slice(at, at + 37));
        if (random.next() < 0.3) await stand.integrate({ maxBatch: random.integer(1, 50) });
      }
    }
    await stand.integrate();
    await expectExactly(all);
    expect((await stand.pool.query('SELECT * FROM conflict')).rows).toEqual([]);
  });

  it('opens a new segment before one grows beyond its bound', async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    for (let i = 0; i < 40; i += 1) source.usage();
    await stand.deliver(source.events);
    await stand.integrate({ maxBatch: 4, maxSegmentBytes: 10_000 });
    const { rows } = await stand.pool.query(
      'SELECT name, first_leaf FROM archive_segment ORDER BY segment_id',
    );
    expect(rows.length).toBeGreaterThan(4);
    await expectExactly(source.events);
  });

  it.each<WriterStep>(['taken', 'written', 'synced', 'committing', 'committed'])(
    'loses and doubles nothing when it ends at "%s" and another goes on',
    async (fatal) => {
      const source = testSource(random, '/gateways/gw-1/e1');
      for (let i = 0; i < 30; i += 1) source.usage();
      await stand.deliver(source.events);
      for (let crash = 0; crash < 4; crash += 1) {
        // While a batch is committed the next is prepared: some crashes come in the midst of both.
        let reached = 0;
        const writer = await LogWriter.begin(
          stand.writerOptions({
            maxBatch: 3,
            onStep: (step) => {
              if (step === fatal && reached++ === crash) throw new Error('crash');
            },
          }),
        );
        await expect(runToEnd(writer)).rejects.toThrow('crash');
        await stand.assertWhole();
      }
      await stand.integrate({ maxBatch: 4 });
      await expectExactly(source.events);
    },
  );

  it('never forks when two write at once, and the one whose epoch is over is refused', async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    for (let i = 0; i < 200; i += 1) source.usage();
    await stand.deliver(source.events);
    // As two processes have it: each with its own open files.
    const stores = [await openFileSegments(stand.folder), await openFileSegments(stand.folder)] as const;
    for (let round = 0; round < 10; round += 1) {
      const older = await LogWriter.begin(stand.writerOptions({ maxBatch: 10, store: stores[0] }));
      const younger = await LogWriter.begin(stand.writerOptions({ maxBatch: 10, store: stores[1] }));
      const results = await Promise.allSettled([older.step(), younger.step()]);
      expect(results).toMatchObject([
        { status: 'rejected', reason: { code: 'leadership_lost' } },
        { status: 'fulfilled' },
      ]);
      expect(await stand.assertWhole()).toBe((round + 1) * 10);
    }
    for (const store of stores) await store.close();
    await stand.integrate();
    await expectExactly(source.events);
  });

  it('keeps the first event of a number, and the other as a conflict', async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    const forger = testSource(random, '/gateways/gw-1/e1');
    source.usage();
    source.usage();
    forger.usage();
    forger.usage();
    await stand.deliver([...source.events.slice(0, 1), ...forger.events.slice(0, 1)]);
    await stand.integrate();
    await stand.deliver(source.events.slice(1));
    await stand.integrate();
    await stand.deliver(forger.events);
    await stand.integrate();
    await expectExactly(source.events);
    const { rows } = await stand.pool.query<{ kind: string; sequence: bigint; bytes: Buffer }>(
      'SELECT kind, sequence, bytes FROM conflict ORDER BY conflict_id',
    );
    expect(rows.map(({ kind, sequence }) => [kind, Number(sequence)])).toEqual([
      ['sequence-reused', 1],
      ['sequence-reused', 1],
      ['sequence-reused', 2],
    ]);
    expect(rows[2]?.bytes).toEqual(forger.events[1]);
  });

  it('takes no event id twice', async () => {
    const first = testSource(seededRandom(1), '/gateways/gw-1/e1');
    const second = testSource(seededRandom(1), '/gateways/gw-2/e1');
    first.usage();
    second.usage();
    const other = second.usage();
    await stand.deliver(first.events);
    await stand.integrate();
    await stand.deliver(second.events);
    const writer = await LogWriter.begin(stand.writerOptions());
    await expect(writer.step()).rejects.toMatchObject({ code: '23505', constraint: 'entry_event_id_key' });
    const careful = await LogWriter.begin(stand.writerOptions(), true);
    await careful.step();
    await expectExactly([...first.events, other]);
    const { rows } = await stand.pool.query('SELECT kind, source FROM conflict');
    expect(rows).toEqual([{ kind: 'id-reused', source: '/gateways/gw-2/e1' }]);
  });

  it('refuses to go on when the archive holds less than the log says', async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    source.usage();
    await stand.deliver(source.events);
    await stand.integrate();
    const { rows } = await stand.pool.query<{ name: string }>('SELECT name FROM archive_segment');
    await stand.store.write(rows[0]?.name ?? '', 0, Buffer.alloc(10));
    await expect(LogWriter.begin(stand.writerOptions())).rejects.toMatchObject({ code: 'archive_truncated' });
  });
});

describe("the service's role", () => {
  it('can neither change nor remove what is in the log', async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    source.usage();
    await stand.deliver(source.events);
    await stand.integrate();
    for (const table of ['entry', 'archive_segment', 'source', 'conflict', 'declared_gap']) {
      const { rows } = await stand.owner.query<{ column_name: string }>(
        `SELECT column_name FROM information_schema.columns
         WHERE table_schema = 'audit' AND table_name = $1 AND is_identity = 'NO'`,
        [table],
      );
      const column = rows[0]?.column_name ?? '';
      for (const statement of [
        `UPDATE ${table} SET ${column} = ${column}`,
        `DELETE FROM ${table}`,
        `TRUNCATE ${table}`,
      ]) {
        await expect(stand.pool.query(statement), statement).rejects.toMatchObject({ code: '42501' });
      }
    }
    await stand.assertWhole();
  });
});
