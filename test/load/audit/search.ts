import { setTimeout as delay } from 'node:timers/promises';
import { openPool, type Pool } from '@tollgate/database';
import { ORGANISATION } from '../usage-stream.ts';

const DAYS = 30;
const ROWS_AT_ONCE = 500_000;
const SEARCHES = 60;
const LET_IN_TIMEOUT_MS = 60_000;
const POLL_MS = 100;
/** Of one index over all rows; the run ends where it takes longer. */
const INDEX_TIMEOUT_MS = 15 * 60_000;
/** For sorting, in one process; the server has half a gigabyte then. */
const SORT_MEMORY = '384MB';

export interface Searches {
  readonly indexed: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
}

/**
 * Fills the index with events of the thirty days before today, as if they had been indexed: what is searched for lies
 * among them. Indexes are made afterwards, as a restore makes them.
 */
export async function fillIndex(
  postgresUrl: string,
  rows: number,
  say: (line: string) => void,
): Promise<void> {
  // One connection, whose settings these are.
  const owner = openPool({
    url: postgresUrl,
    applicationName: 'bench-fill',
    maxConnections: 1,
    statementTimeoutMs: INDEX_TIMEOUT_MS,
  });
  try {
    await owner.query(`SET maintenance_work_mem = '${SORT_MEMORY}'`);
    await owner.query('SET max_parallel_maintenance_workers = 0');
    await fill(owner, rows, say);
  } finally {
    await owner.end();
  }
}

async function fill(owner: Pool, rows: number, say: (line: string) => void): Promise<void> {
  const { rows: indexes } = await owner.query<{ name: string; definition: string }>(
    `SELECT indexname AS name, indexdef AS definition FROM pg_indexes
     WHERE schemaname = 'audit' AND tablename = 'indexed_event'`,
  );
  for (const { name } of indexes) await owner.query(`DROP INDEX audit.${name}`);
  await owner.query(
    `SELECT audit.make_index_month((date_trunc('month', now()) - make_interval(months => m))::date) FROM generate_series(0, 1) m`,
  );
  for (let from = 0; from < rows; from += ROWS_AT_ONCE) {
    const count = Math.min(ROWS_AT_ONCE, rows - from);
    await owner.query(
      `INSERT INTO audit.indexed_event (leaf_index, happened_at, received_at, source_id, type, organisation_id, team_id, terms)
       SELECT 1000000000000 + n, at, at, 1,
              (ARRAY['tollgate.request.v1', 'tollgate.decision.v1', 'tollgate.usage.v1'])[1 + n % 3], $3, 'team_' || n / 3 % 50,
              array_to_tsvector(ARRAY['request=' || md5((n / 3)::text), 'key=key_' || n / 3 % 500, 'model=m' || n % 7,
                                      'outcome=completed', 'user=user_' || n / 3 % 5000])
       FROM generate_series($1::bigint, $1::bigint + $2::bigint - 1) n,
            LATERAL (SELECT date_trunc('day', now()) - make_interval(days => $4) + n * (make_interval(days => $4) / $5::bigint) AS at) t`,
      [from, count, ORGANISATION, DAYS, rows],
    );
    say(`index: ${from + count} of ${rows} rows`);
  }
  // Of a partitioned table Postgres shows the definition without its partitions.
  for (const { name, definition } of indexes) {
    await owner.query(definition.replace(' ON ONLY ', ' ON '));
    say(`index: ${name} is made`);
  }
  await owner.query('ANALYZE audit.indexed_event');
}

/** What a team did today, a page of a hundred, over HTTP with the events read from the archive. */
export async function measureSearch(url: string, token: string, indexed: number): Promise<Searches> {
  await untilLetIn(url, token);
  const day = new Date().toISOString().slice(0, 10);
  const times: number[] = [];
  for (let n = 0; n < SEARCHES; n += 1) {
    const query = new URLSearchParams({
      team: `team_${n % 5}`,
      organisation: ORGANISATION,
      from: `${day}T00:00:00Z`,
      to: `${day}T23:59:59.999Z`,
      limit: '100',
    });
    const beganMs = performance.now();
    const response = await fetch(`${url}/v1/events?${query}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const page = (await response.json()) as { items?: unknown[] };
    times.push(performance.now() - beganMs);
    if (page.items?.length !== 100)
      throw new Error(`a search gave ${page.items?.length} events: ${response.status}`);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => Number((times[Math.floor(times.length * share)] ?? 0).toFixed(1));
  return { indexed, p50_ms: at(0.5), p99_ms: at(0.99) };
}

/** A service that has just started knows the token once it has read the directory. */
async function untilLetIn(url: string, token: string): Promise<void> {
  const deadline = performance.now() + LET_IN_TIMEOUT_MS;
  for (;;) {
    const { status } = await fetch(`${url}/v1/events?limit=1`, {
      headers: { authorization: `Bearer ${token}` },
    });
    if (status === 200) return;
    if (performance.now() > deadline) throw new Error(`the audit service answers ${status}`);
    await delay(POLL_MS);
  }
}
