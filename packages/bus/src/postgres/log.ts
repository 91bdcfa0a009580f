import type { Topic } from '@tollgate/events';
import type { PartitionLog } from '../consume/position-plan.ts';
import { BusError } from '../errors.ts';

/** A pool, or a connection. */
export type Statements = {
  query<Row extends object>(query: {
    text: string;
    name?: string;
    values?: unknown[];
  }): Promise<{ rows: Row[] }>;
};

export type LogMessage = {
  readonly offset: bigint;
  readonly key: string;
  readonly value: Buffer;
  readonly timestampMs: number;
};

export type LogPage = {
  /** In order of their offsets, which have holes where a compacted topic's messages were superseded. */
  readonly messages: readonly LogMessage[];
  /** Where the next page begins. */
  readonly next: bigint;
  /** Whether the page is as large as it may be, so that more is likely. */
  readonly full: boolean;
};

/** Where the logs of these topics begin and end just now; a topic that was never made is absent. */
export async function readLogs(database: Statements, topics: readonly Topic[]): Promise<PartitionLog[]> {
  const { rows } = await database.query<{
    topic: string;
    partition: number;
    first_offset: bigint;
    next_offset: bigint;
    identity: string;
  }>({
    name: 'bus.read_logs',
    text: `SELECT p.topic, p.partition, p.first_offset, p.next_offset, t.identity
           FROM bus.topic_partition p JOIN bus.topic t USING (topic)
           WHERE p.topic = ANY ($1::text[]) ORDER BY p.topic, p.partition`,
    values: [[...topics]],
  });
  return rows.map((row) => ({
    topic: row.topic,
    partition: row.partition,
    identity: `postgres/${row.identity}`,
    low: row.first_offset,
    high: row.next_offset,
  }));
}

/**
 * Messages of one partition from `from` on: at most `maxMessages`, and no more after the first than `maxBytes` of
 * values. All that were committed below the page's last one are in it (see `append` in the migrations).
 */
export async function readPage(
  database: Statements,
  topic: Topic,
  partition: number,
  from: bigint,
  limits: { readonly maxMessages: number; readonly maxBytes: number },
): Promise<LogPage> {
  const { rows } = await database.query<{
    message_offset: bigint;
    key: string;
    value: Buffer;
    epoch: number;
  }>({
    name: `bus.read.${topic}`,
    text: `SELECT message_offset, key, value, date_part('epoch', appended_at) AS epoch FROM (
             SELECT message_offset, key, value, appended_at,
               sum(octet_length(value)) OVER (ORDER BY message_offset) - octet_length(value) AS bytes_before
             FROM (
               SELECT message_offset, key, value, appended_at FROM bus.${messageTable(topic)}
               WHERE partition = $1 AND message_offset >= $2 ORDER BY message_offset LIMIT $3
             ) counted
           ) measured WHERE bytes_before < $4`,
    values: [partition, from, limits.maxMessages, limits.maxBytes],
  });
  const messages = rows.map((row) => ({
    offset: row.message_offset,
    key: row.key,
    value: row.value,
    timestampMs: Math.floor(row.epoch * 1000),
  }));
  const bytes = messages.reduce((sum, { value }) => sum + value.length, 0);
  const last = messages.at(-1);
  return {
    messages,
    next: last === undefined ? from : last.offset + 1n,
    full: messages.length >= limits.maxMessages || bytes >= limits.maxBytes,
  };
}

/** Topics are constants of ours, so their names need no quoting. */
function messageTable(topic: Topic): string {
  return `message_${topic.replaceAll('-', '_')}`;
}

/** Undefined table, schema, function; no right to them. */
const NOT_SET_UP = new Set(['42P01', '3F000', '42883', '42501']);

/** What a failure means to whoever runs the bus. */
export function explain(error: unknown): unknown {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  if (typeof code === 'string' && NOT_SET_UP.has(code)) {
    return new BusError(
      'topic-missing',
      "the embedded bus is not set up in this database, or not for this role: start Tollgate as a whole once, or check TOLLGATE_BUS_DATABASE_URL's role",
      { cause: error },
    );
  }
  return error;
}
