import { randomBytes, randomUUID } from 'node:crypto';
import type { Pool } from '@tollgate/database';

/**
 * The least that exactly-once effects in Postgres cost: one connection, no broker, a thousand rows a batch. Each
 * batch locks its position, inserts rows of some 700 bytes on a UUID key by `jsonb_to_recordset … ON CONFLICT DO
 * NOTHING RETURNING`, adds to a rollup from the returned rows, moves the position and commits.
 */
export const BATCH_ROWS = 1_000;

const FILLER_BYTES = 380;

const CREATE = `
  CREATE SCHEMA recipe;
  CREATE TABLE recipe.position (
    "group" text, topic text, partition integer, next_offset bigint NOT NULL, PRIMARY KEY ("group", topic, partition));
  INSERT INTO recipe.position VALUES ('recipe', 'usage', 0, 0);
  CREATE TABLE recipe.event (
    event_id uuid PRIMARY KEY, source text, sequence bigint, type text, subject text, organisation_id text,
    team_id text, model text, requested_at timestamptz, input_tokens bigint, output_tokens bigint, body text);
  CREATE TABLE recipe.rollup (
    hour timestamptz, team_id text, requests bigint, input_tokens bigint, output_tokens bigint,
    PRIMARY KEY (hour, team_id))`;

const INSERT = `
  WITH fresh AS (
    INSERT INTO recipe.event
    SELECT * FROM jsonb_to_recordset($1::jsonb) AS row (
      event_id uuid, source text, sequence bigint, type text, subject text, organisation_id text, team_id text,
      model text, requested_at timestamptz, input_tokens bigint, output_tokens bigint, body text)
    ON CONFLICT (event_id) DO NOTHING
    RETURNING team_id, requested_at, input_tokens, output_tokens
  )
  INSERT INTO recipe.rollup AS stored
  SELECT date_trunc('hour', requested_at), team_id, count(*), sum(input_tokens), sum(output_tokens)
  FROM fresh GROUP BY 1, 2
  ON CONFLICT (hour, team_id) DO UPDATE SET
    requests = stored.requests + excluded.requests,
    input_tokens = stored.input_tokens + excluded.input_tokens,
    output_tokens = stored.output_tokens + excluded.output_tokens`;

export type RecipeRow = Readonly<Record<string, string | number>>;

export async function createRecipe(owner: Pool): Promise<void> {
  await owner.query(CREATE);
}

/** Rows as they go into the database, 700 bytes each as JSON. */
export function recipeRows(count: number, atMs = Date.now()): RecipeRow[] {
  const requestedAt = new Date(atMs).toISOString();
  return Array.from({ length: count }, (_, n) => ({
    event_id: randomUUID(),
    source: '/gateways/bench/0197c9a0-0000-7000-8000-000000000001',
    sequence: n + 1,
    type: 'tollgate.usage.v1',
    subject: randomUUID(),
    organisation_id: 'org_bench',
    team_id: `team_${n % 5}`,
    model: 'databricks-meta-llama-3-3-70b-instruct',
    requested_at: requestedAt,
    input_tokens: 500 + (n % 3000),
    output_tokens: 1 + (n % 400),
    body: randomBytes(FILLER_BYTES)
      .toString('base64')
      .slice(0, FILLER_BYTES - 120),
  }));
}

/** Rows per second from rows in memory to committed effects. */
export async function runRecipe(owner: Pool, rows: readonly RecipeRow[]): Promise<number> {
  const client = await owner.connect();
  try {
    const started = performance.now();
    for (let start = 0; start < rows.length; start += BATCH_ROWS) {
      const batch = rows.slice(start, start + BATCH_ROWS);
      await client.query('BEGIN');
      await client.query({
        name: 'recipe-lock',
        text: `SELECT next_offset FROM recipe.position
               WHERE "group" = 'recipe' AND topic = 'usage' AND partition = 0 FOR UPDATE`,
      });
      await client.query({ name: 'recipe-insert', text: INSERT, values: [JSON.stringify(batch)] });
      await client.query({
        name: 'recipe-move',
        text: `UPDATE recipe.position SET next_offset = next_offset + $1
               WHERE "group" = 'recipe' AND topic = 'usage' AND partition = 0`,
        values: [batch.length],
      });
      await client.query('COMMIT');
    }
    return (rows.length * 1000) / (performance.now() - started);
  } finally {
    client.release();
  }
}
