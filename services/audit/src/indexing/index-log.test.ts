import { seededRandom } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LogWriter } from '../log/writer.ts';
import { conditions } from '../search/query.ts';
import { testSource, uuid7 } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { CommittedEvents } from './committed-events.ts';
import { indexNext } from './indexer.ts';
import { IndexMonths } from './months.ts';

const random = seededRandom(97);

let stand: Stand;
beforeEach(async () => {
  stand = await openStand();
  stand.nowMs = Date.parse('2026-03-01T10:00:01Z');
});
afterEach(() => stand.close());

const dump = async () => {
  const { rows } = await stand.owner.query<{ row: string }>(
    `SELECT row FROM (
       SELECT 1 AS part, row_to_json(i)::text AS row FROM audit.indexed_event i
       UNION ALL SELECT 2, row_to_json(c)::text FROM audit.event_count c
       UNION ALL SELECT 3, row_to_json(u)::text FROM audit.unsettled_request u) AS all_rows
     ORDER BY part, row`,
  );
  return rows.map(({ row }) => row);
};

describe('the index', () => {
  it('is the same in whatever batches it is made', async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    source.started();
    for (let i = 0; i < 20; i += 1) source.request(`team_${i % 3}`, uuid7(random));
    source.request('team_a', uuid7(random));
    await stand.deliver(source.events.slice(0, -1));
    await stand.integrate();
    const whole = await dump();
    expect(whole.filter((row) => row.includes('leaf_index'))).toHaveLength(63);
    expect(whole.filter((row) => row.includes('request_id'))).toHaveLength(1);
    await stand.owner.query(
      'TRUNCATE audit.indexed_event, audit.event_count, audit.unsettled_request; UPDATE audit.index_position SET size = 0',
    );
    await stand.index(7);
    expect(await dump()).toEqual(whole);
  });

  it('is the same from what is in memory as from the archive', async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    source.started();
    await stand.deliver(source.events);
    await stand.integrate();
    for (let i = 0; i < 20; i += 1) source.request(`Team_${i % 3}`, uuid7(random));
    source.request('team_a', uuid7(random));
    // The second batch is held.
    await stand.deliver(source.events.slice(1, -1));
    const committed = new CommittedEvents();
    const writer = await LogWriter.begin(stand.writerOptions({ committed }));
    await writer.step();
    expect(committed.firstBefore(100)).toBe(1);
    const parts = { pool: stand.pool, store: stand.store, now: () => stand.nowMs, committed };
    expect(await indexNext(parts, new IndexMonths(stand.pool))).toBe(62);
    const fromMemory = await dump();
    await stand.owner.query(
      'TRUNCATE audit.indexed_event, audit.event_count, audit.unsettled_request; UPDATE audit.index_position SET size = 0',
    );
    await stand.index();
    expect(await dump()).toEqual(fromMemory);
  });

  it('takes nothing from memory that is not what the log holds', async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    source.usage();
    await stand.deliver(source.events);
    await stand.integrate();
    source.usage();
    await stand.deliver(source.events.slice(1));
    const committed = new CommittedEvents();
    const writer = await LogWriter.begin(stand.writerOptions({ committed }));
    await writer.step();
    const strange = new CommittedEvents();
    strange.add(1, committed.from(1, 2)?.map((event) => ({ ...event, sequence: 7 })) ?? null);
    const parts = { pool: stand.pool, store: stand.store, now: () => stand.nowMs, committed: strange };
    await expect(indexNext(parts, new IndexMonths(stand.pool))).rejects.toMatchObject({
      code: 'log_inconsistent',
    });
    expect((await dump()).filter((row) => row.includes('leaf_index'))).toHaveLength(1);
  });

  it('is kept by month of what happened, however late it came, and elsewhere where that is far off', async () => {
    const source = testSource(random, '/services/directory/e1');
    const at = (time: string) =>
      source.emit({
        type: 'tollgate.admin.v1',
        id: uuid7(random),
        subject: 'team_1',
        time,
        data: {
          actor: { type: 'user', id: 'user_1' },
          organisation_id: null,
          action: 'team.create',
          target: 'team_1',
          outcome: 'done',
          code: null,
          reason: null,
          details: {},
        },
      });
    for (const time of [
      '2026-02-28T23:59:59.999Z',
      '2026-03-01T00:00:00.000Z',
      '0001-01-01T00:00:00.000Z',
      '2099-01-01T00:00:00.000Z',
    ])
      at(time);
    await stand.deliver(source.events);
    await stand.integrate();
    const { rows } = await stand.owner.query<{ name: string; leaves: string }>(
      `SELECT tableoid::regclass::text AS name, string_agg(leaf_index::text, ',' ORDER BY leaf_index) AS leaves
       FROM audit.indexed_event GROUP BY 1 ORDER BY 1`,
    );
    expect(rows).toEqual([
      { name: 'audit.indexed_event_2026_02', leaves: '0' },
      { name: 'audit.indexed_event_2026_03', leaves: '1' },
      { name: 'audit.indexed_event_other', leaves: '2,3' },
    ]);
  });

  it('goes on where a month can not have its partition any more, since some of it lies elsewhere', async () => {
    await stand.owner.query(`
      INSERT INTO audit.indexed_event SELECT 900, '2025-05-05Z', now(), 1, 'x', NULL, NULL, ''::tsvector`);
    const made = async (month: string) =>
      (await stand.pool.query('SELECT make_index_month($1) AS made', [month])).rows[0];
    expect(await made('2025-05-01')).toEqual({ made: false });
    expect(await made('2025-06-01')).toEqual({ made: true });
    expect(await made('2025-06-30')).toEqual({ made: true });
  });

  it('tells of clocks that can not be right', async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    source.usage();
    source.usage();
    const told: unknown[] = [];
    for (const [nth, minutes] of [-6, 6].entries()) {
      stand.nowMs = Date.parse('2026-03-01T10:00:00Z') + minutes * 60_000;
      await stand.deliver(source.events.slice(nth, nth + 1));
      const writer = await LogWriter.begin(stand.writerOptions());
      await writer.step();
      const parts = { pool: stand.pool, store: stand.store, now: () => stand.nowMs };
      await indexNext({ ...parts, onIndexed: (indexed) => told.push(indexed) }, new IndexMonths(stand.pool));
    }
    expect(told).toEqual([
      { events: 1, late: 0, ahead: 1 },
      { events: 1, late: 1, ahead: 0 },
    ]);
  });

  it('takes each event once, whoever indexes at the same time', async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    for (let i = 0; i < 60; i += 1) source.usage();
    await stand.deliver(source.events);
    await stand.integrate();
    await stand.owner.query(
      'TRUNCATE audit.indexed_event, audit.event_count, audit.unsettled_request; UPDATE audit.index_position SET size = 0',
    );
    await Promise.all([stand.index(5), stand.index(8), stand.index(3)]);
    await stand.index();
    const { rows } = await stand.owner.query('SELECT sum(events)::int AS events FROM audit.event_count');
    expect(rows).toEqual([{ events: 60 }]);
    const indexed = await stand.owner.query('SELECT DISTINCT leaf_index FROM audit.indexed_event');
    expect(indexed.rows).toHaveLength(60);
  });

  it('can not be changed by the service, which adds to it alone', async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    source.usage();
    await stand.deliver(source.events);
    await stand.integrate();
    for (const statement of [
      'DELETE FROM indexed_event',
      "UPDATE indexed_event SET team_id = 'team_b'",
      'TRUNCATE indexed_event',
      'DELETE FROM indexed_event_2026_03',
      'DELETE FROM kept_checkpoint',
      'UPDATE kept_checkpoint SET size = 9',
      'DELETE FROM event_count',
      'DROP TABLE indexed_event_2026_03',
      'CREATE TABLE stray ()',
    ]) {
      await expect(stand.pool.query(statement), statement).rejects.toMatchObject({ code: '42501' });
    }
    const { rows } = await stand.pool.query("SELECT make_index_month('1999-01-01') AS made");
    expect(rows).toEqual([{ made: false }]);
  });

  it('keeps a checkpoint an hour, so that a later one can be shown to have grown out of it', async () => {
    const source = testSource(random, '/gateways/gw-1/e1');
    const sizes = async () =>
      (await stand.pool.query<{ size: bigint }>('SELECT size FROM kept_checkpoint ORDER BY size')).rows.map(
        ({ size }) => Number(size),
      );
    for (const minutes of [0, 30, 61]) {
      stand.nowMs = Date.parse('2026-03-01T10:00:01Z') + minutes * 60_000;
      source.usage();
      await stand.deliver(source.events.slice(-1));
      await stand.integrate();
    }
    expect(await sizes()).toEqual([1, 3]);
  });

  it('finds the events of a team on a day by its index, among those of others', async () => {
    await stand.pool.query("SELECT make_index_month('2026-03-01')");
    await stand.owner.query(`
      INSERT INTO audit.indexed_event
      SELECT g, '2026-03-01Z'::timestamptz + g * interval '100 seconds', now(), 1, 'tollgate.usage.v1', 'org_1',
             'team_' || g % 40, ''::tsvector
      FROM generate_series(0, 19999) g`);
    await stand.owner.query('ANALYZE audit.indexed_event');
    const day = { fromMs: Date.parse('2026-03-05T00:00:00Z'), toMs: Date.parse('2026-03-06T00:00:00Z') };
    const { where, values } = conditions(
      { teamId: 'team_7', ...day },
      { organisationId: null, teamIds: null },
    );
    const { rows } = await stand.pool.query<Record<string, string>>(
      `EXPLAIN SELECT leaf_index FROM indexed_event WHERE ${where.join(' AND ')}
       ORDER BY happened_at DESC, leaf_index DESC LIMIT 101`,
      values,
    );
    const plan = rows.map((row) => row['QUERY PLAN']).join('\n');
    expect(plan).toContain('indexed_event_2026_03_team_id');
    expect(plan).not.toContain('indexed_event_2026_04');
    expect(plan).not.toContain('Seq Scan');
  });
});
