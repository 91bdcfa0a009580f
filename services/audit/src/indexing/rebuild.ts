import { createHash, randomBytes } from 'node:crypto';
import { openPool, type Pool, type Transaction, transaction } from '@tollgate/database';
import type { SegmentStore } from '../archive/segment-store.ts';
import { indexBatch } from './index-batch.ts';
import { IndexMonths } from './months.ts';
import { movePosition, readPosition } from './position.ts';
import { readIndexable } from './read-indexable.ts';
import { copyPartitions, makeLikeLive, swapIn } from './swap-in.ts';

export interface RebuildParts {
  /** Of the database's owner, who can make a schema. */
  readonly ownerUrl: string;
  readonly store: SegmentStore;
  /** Told of leaves made again, and of all of them. */
  readonly onProgress?: (done: number, size: number) => void;
  /** Puts what was made in the place of the live index, where the two differ. */
  readonly replace?: boolean;
}

/** A row that the index has and the archive does not lead to, or the other way round; null: there is none. */
export interface Difference {
  readonly table: string;
  readonly live: string | null;
  readonly rebuilt: string | null;
}

export interface RebuildReport {
  /** Leaves that were compared. */
  readonly size: number;
  /** Rows of the live index, all tables together. */
  readonly rows: number;
  /** SHA-256 of the canonical dump of the live index: every row as JSON, table by table, in order. */
  readonly digest: string;
  /** Empty where the index is what the archive says; `MAX_DIFFERENCES` at most. */
  readonly differences: readonly Difference[];
  /** What the index had otherwise until it was replaced; null: it was not. */
  readonly replaced: readonly Difference[] | null;
}

const LIVE_SCHEMA = 'audit';
const BATCH = 2_000;
/** Leaves whose rows are compared at once. */
const WINDOW_LEAVES = 5_000;
export const MAX_DIFFERENCES = 20;

/** Every table, in canonical order, with what makes a window of it. */
const TABLES = {
  indexed_event: {
    columns: 'leaf_index, happened_at, received_at, source_id, type, organisation_id, team_id, terms',
    order: 'leaf_index',
  },
  event_count: {
    columns: 'quarter, source_id, type, organisation_id, events, first_sequence, last_sequence, late, ahead',
    order: 'quarter, source_id, type, organisation_id',
  },
  unsettled_request: {
    columns: 'request_id, happened_at, organisation_id, requests, allowed, refused, finals',
    order: 'request_id',
  },
} as const;
type TableName = keyof typeof TABLES;

/**
 * Makes the index again from the archive, in a schema of its own, and compares both as canonical dumps, row by row in
 * order. The service goes on meanwhile: what is compared is the index as it stands at one instant. The schema is removed
 * again, whatever comes of it. With `replace`, an index that differs is exchanged for the one that was made, and the new one
 * is then compared with a second one made from the archive.
 * @throws AuditError `index_busy`
 */
export async function rebuildIndex(parts: RebuildParts): Promise<RebuildReport> {
  const report = await rebuildOnce(parts);
  if (report.replaced === null) return report;
  return { ...(await rebuildOnce({ ...parts, replace: false })), replaced: report.replaced };
}

async function rebuildOnce(parts: RebuildParts): Promise<RebuildReport> {
  const { ownerUrl, store, onProgress, replace = false } = parts;
  const shadowSchema = `audit_rebuild_${randomBytes(6).toString('hex')}`;
  const live = poolOf(ownerUrl, LIVE_SCHEMA);
  const shadow = poolOf(ownerUrl, `${shadowSchema},${LIVE_SCHEMA}`);
  try {
    if (replace) await makeLikeLive(live, shadowSchema, LIVE_SCHEMA);
    else await makeSchema(live, shadowSchema);
    const months = replace ? monthsOf(live, shadowSchema) : null;
    const build = (size: number) => buildTo({ pool: shadow, store, months }, size, onProgress);
    // What comes while this runs is little: it is made within the snapshot below.
    await build((await readPosition(live)).size);
    const report = await transaction(
      live,
      async (tx) => {
        const { size } = await readPosition(tx);
        await build(size);
        return compare(tx, shadow, shadowSchema, size);
      },
      { isolation: 'repeatable read', readOnly: true },
    );
    if (!replace || report.differences.length === 0) return report;
    await swapIn(live, { schema: shadowSchema, grave: `${shadowSchema}_old`, live: LIVE_SCHEMA }, build);
    return { ...report, replaced: report.differences };
  } finally {
    await live.query(`DROP SCHEMA IF EXISTS ${shadowSchema}, ${shadowSchema}_old CASCADE`);
    await Promise.all([live.end(), shadow.end()]);
  }
}

function poolOf(ownerUrl: string, searchPath: string): Pool {
  const url = new URL(ownerUrl);
  url.searchParams.set('options', `-c timezone=UTC -c datestyle=ISO,MDY -c search_path=${searchPath}`);
  return openPool({ url: url.href, applicationName: 'tollgate-audit-rebuild', maxConnections: 4 });
}

async function makeSchema(pool: Pool, schema: string): Promise<void> {
  const like = (table: string) =>
    `${schema}.${table} (LIKE ${LIVE_SCHEMA}.${table} INCLUDING DEFAULTS INCLUDING INDEXES)`;
  await pool.query(`
    CREATE SCHEMA ${schema};
    CREATE TABLE ${schema}.indexed_event (LIKE ${LIVE_SCHEMA}.indexed_event, PRIMARY KEY (leaf_index));
    CREATE TABLE ${like('event_count')};
    CREATE TABLE ${like('unsettled_request')};
    CREATE TABLE ${like('index_position')};
    INSERT INTO ${schema}.index_position DEFAULT VALUES`);
}

async function buildTo(
  parts: { readonly pool: Pool; readonly store: SegmentStore; readonly months: Months | null },
  size: number,
  onProgress: RebuildParts['onProgress'],
): Promise<void> {
  let { size: done } = await readPosition(parts.pool);
  while (done < size) {
    const end = Math.min(done + BATCH, size);
    const events = await readIndexable(parts, done, end);
    await parts.months?.make(events.map(({ facts }) => facts));
    await transaction(parts.pool, async (tx) => {
      await indexBatch(tx, done, events);
      await movePosition(tx, { size: end, checkpoint: null });
    });
    done = end;
    onProgress?.(done, size);
  }
}

type Months = Pick<IndexMonths, 'make'>;

/** Partitions are made where the live index has them, or would have them, then in the shadow. */
function monthsOf(live: Pool, schema: string): Months {
  const months = new IndexMonths(live);
  return {
    async make(events) {
      await months.make(events);
      await copyPartitions(live, schema, LIVE_SCHEMA);
    },
  };
}

async function compare(
  live: Transaction,
  shadow: Pool,
  schema: string,
  size: number,
): Promise<RebuildReport> {
  const digest = createHash('sha256');
  const differences: Difference[] = [];
  let rows = 0;
  for (const window of windowsOf(size)) {
    const has = await dump(live, LIVE_SCHEMA, window);
    const should = await dump(shadow, schema, window);
    rows += has.length;
    for (const row of has) digest.update(`${row}\n`);
    if (differences.length < MAX_DIFFERENCES) differences.push(...differing(window.table, has, should));
  }
  return {
    size,
    rows,
    digest: digest.digest('hex'),
    differences: differences.slice(0, MAX_DIFFERENCES),
    replaced: null,
  };
}

interface Window {
  readonly table: TableName;
  readonly where: string;
}

/** The windows of all tables, in canonical order. */
function* windowsOf(size: number): Generator<Window> {
  for (let from = 0; from < size; from += WINDOW_LEAVES) {
    yield {
      table: 'indexed_event',
      where: `leaf_index >= ${from} AND leaf_index < ${Math.min(from + WINDOW_LEAVES, size)}`,
    };
  }
  // A row of the index that no leaf stands for.
  yield { table: 'indexed_event', where: `leaf_index < 0 OR leaf_index >= ${size}` };
  yield { table: 'event_count', where: 'true' };
  yield { table: 'unsettled_request', where: 'true' };
}

/** Rows as JSON, in order. */
async function dump(database: Pick<Transaction, 'query'>, schema: string, window: Window): Promise<string[]> {
  const { columns, order } = TABLES[window.table];
  const { rows } = await database.query<{ row: string }>(
    `SELECT row_to_json(r)::text AS row
     FROM (SELECT ${columns} FROM ${schema}.${window.table} WHERE ${window.where} ORDER BY ${order}) r`,
  );
  return rows.map(({ row }) => row);
}

/** What one side has and the other has not, row by row: the same key, changed, is told as one. */
function differing(table: TableName, has: readonly string[], should: readonly string[]): Difference[] {
  const [only, lacking] = [new Set(has), new Set(should)];
  for (const row of should) only.delete(row);
  for (const row of has) lacking.delete(row);
  const [live, rebuilt] = [[...only], [...lacking]];
  return Array.from({ length: Math.max(live.length, rebuilt.length) }, (_, nth) => ({
    table,
    live: live[nth] ?? null,
    rebuilt: rebuilt[nth] ?? null,
  }));
}
