import { seededRandom, until } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { auditCommand } from '../commands.ts';
import { testApi } from '../testing/api.ts';
import { type TestSource, testSource, uuid7 } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { rebuildIndex } from './rebuild.ts';

const random = seededRandom(13);
let stand: Stand;
let source: TestSource;
beforeEach(async () => {
  stand = await openStand();
  stand.nowMs = Date.parse('2026-03-01T10:00:01Z');
  source = testSource(random, '/gateways/gw-1/e1');
  source.started();
  for (let i = 0; i < 30; i += 1) source.request(`team_${i % 3}`, uuid7(random));
  await stand.deliver(source.events.slice(0, -1));
  await stand.integrate();
});
afterEach(() => stand.close());

const rebuilt = () => rebuildIndex({ ownerUrl: stand.database.ownerUrl, store: stand.store });
const schemas = async () =>
  (await stand.owner.query("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'audit_rebuild%'")).rows;

describe('the index made again from the archive', () => {
  it('equals the live one, row by row, and leaves nothing behind', async () => {
    const report = await rebuilt();
    expect(report).toMatchObject({
      size: 90,
      differences: [],
      digest: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(report.rows).toBeGreaterThan(91);
    expect(await rebuilt()).toEqual(report);
    expect(await schemas()).toEqual([]);
  });

  it('shows a row that was changed, removed or put in, in every table', async () => {
    const changes = [
      ["UPDATE audit.indexed_event SET team_id = 'team_x' WHERE leaf_index = 7", 'indexed_event'],
      ["UPDATE audit.indexed_event SET terms = ''::tsvector WHERE leaf_index = 8", 'indexed_event'],
      ['DELETE FROM audit.indexed_event WHERE leaf_index = 9', 'indexed_event'],
      [
        "INSERT INTO audit.indexed_event SELECT 5000, now(), now(), 1, 'x', NULL, NULL, ''::tsvector",
        'indexed_event',
      ],
      ["UPDATE audit.event_count SET events = events + 1 WHERE type = 'tollgate.usage.v1'", 'event_count'],
      ['DELETE FROM audit.unsettled_request', 'unsettled_request'],
    ] as const;
    for (const [change, table] of changes) {
      await stand.owner.query(change);
      const { differences } = await rebuilt();
      expect(
        differences.map((each) => each.table),
        change,
      ).toContain(table);
    }
    expect(await schemas()).toEqual([]);
  });

  it('is compared as it stands at one instant, while events come', async () => {
    const coming = (async () => {
      await stand.deliver(source.events.slice(-1));
      await stand.integrate();
    })();
    const [report] = await Promise.all([rebuilt(), coming]);
    expect(report.differences).toEqual([]);
    expect(await rebuilt()).toMatchObject({ size: 91, differences: [] });
  });

  it('takes the place of a live one that was damaged, while it is searched and events come', async () => {
    const api = testApi(stand);
    const security = api.token({ role: 'security' });
    const structure = async () => {
      const { rows } = await stand.owner.query(
        `SELECT c.relname, c.relkind, c.relacl::text, pg_get_expr(c.relpartbound, c.oid) AS bound,
                CASE WHEN c.relkind IN ('i', 'I') THEN pg_get_indexdef(c.oid) END AS definition
         FROM pg_class c WHERE relnamespace = 'audit'::regnamespace AND c.relname !~ '_2026_|_other|_idx'
         ORDER BY c.relname`,
      );
      return rows;
    };
    const before = { structure: await structure(), report: await rebuilt() };
    await stand.owner.query('TRUNCATE audit.unsettled_request, audit.indexed_event');
    await stand.owner.query("UPDATE audit.event_count SET events = 0 WHERE type = 'tollgate.usage.v1'");
    let searched = 0;
    let done = false;
    const searching = (async () => {
      while (!done) {
        expect((await api.get('/v1/events?limit=5', security)).status).toBe(200);
        searched += 1;
      }
    })();
    const coming = (async () => {
      await stand.deliver(source.events.slice(-1));
      await stand.integrate();
    })();
    const report = await rebuildIndex({
      ownerUrl: stand.database.ownerUrl,
      store: stand.store,
      replace: true,
    });
    done = true;
    await Promise.all([searching, coming]);
    expect(searched).toBeGreaterThan(0);
    expect(report.differences).toEqual([]);
    expect(new Set(report.replaced?.map(({ table }) => table))).toContain('indexed_event');
    expect(await structure()).toEqual(before.structure);
    expect(await schemas()).toEqual([]);
    // The service's own role goes on with it, also into a month that it has not.
    const later = { requestedAt: '2026-01-10T10:00:00.000Z' };
    await stand.deliver(source.request('team_a', uuid7(random), later));
    await stand.integrate();
    expect(await rebuilt()).toMatchObject({ size: 94, differences: [], replaced: null });
    const { rows } = await stand.owner.query("SELECT to_regclass('audit.indexed_event_2026_01') AS month");
    expect(rows).toEqual([{ month: 'audit.indexed_event_2026_01' }]);
    const again = await rebuildIndex({
      ownerUrl: stand.database.ownerUrl,
      store: stand.store,
      replace: true,
    });
    expect(again).toMatchObject({ size: 94, differences: [], replaced: null });
  });

  it('waits for no reader for long: it gives way, and tries again', async () => {
    await stand.owner.query('DELETE FROM audit.indexed_event WHERE leaf_index = 3');
    const reader = await stand.pool.connect();
    await reader.query('BEGIN');
    await reader.query('SELECT count(*) FROM indexed_event');
    const replacing = rebuildIndex({ ownerUrl: stand.database.ownerUrl, store: stand.store, replace: true });
    const waits = `SELECT FROM pg_locks WHERE NOT granted AND relation = 'audit.indexed_event'::regclass`;
    await until(async () => (await stand.owner.query(waits)).rowCount === 1, { timeoutMs: 30_000 });
    await reader.query('SELECT count(*) FROM event_count');
    await reader.query('COMMIT');
    reader.release();
    expect(await replacing).toMatchObject({
      differences: [],
      replaced: [{ table: 'indexed_event', live: null }],
    });
  });

  it('is a command, whose exit code says whether they are equal', async () => {
    const written: string[] = [];
    vi.stubEnv('DATABASE_OWNER_URL', stand.database.ownerUrl);
    vi.stubEnv('DATABASE_URL', stand.database.urlFor('audit'));
    vi.stubEnv('KAFKA_BROKERS', '127.0.0.1:1');
    vi.stubEnv('AUDIT_ARCHIVE_FOLDER', stand.folder);
    vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      written.push(String(text));
      return true;
    });
    try {
      await auditCommand().exitOverride().parseAsync(['rebuild'], { from: 'user' });
      expect(written.join('')).toMatch(/^equal: \d+ rows made again from 90 archived events/);
      expect(process.exitCode).toBeUndefined();
      await stand.owner.query('DELETE FROM audit.indexed_event WHERE leaf_index = 3');
      await auditCommand().exitOverride().parseAsync(['rebuild', '--json'], { from: 'user' });
      expect(process.exitCode).toBe(1);
      process.exitCode = undefined;
      await auditCommand().exitOverride().parseAsync(['rebuild', '--replace'], { from: 'user' });
      expect(written.at(-1)).toMatch(/^replaced, since it was not[\s\S]*\nequal: \d+ rows/);
      expect(process.exitCode).toBeUndefined();
    } finally {
      process.exitCode = undefined;
      vi.restoreAllMocks();
      vi.unstubAllEnvs();
    }
  });
});
