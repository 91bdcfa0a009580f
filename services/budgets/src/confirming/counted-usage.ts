import { int4Column, int8Column, type Transaction, uuidColumn } from '@tollgate/database';
import { addSources } from '../sources/source-store.ts';
import type { UsageEvent } from './confirm.ts';

/** Held until the transaction ends, so that what is complete now stays as it is read (see `prune`). */
const READ_SOURCES = `
  SELECT source_id, name, complete_through FROM usage_source WHERE name = ANY ($1::text[])
  ORDER BY source_id FOR SHARE`;

const COUNT = `
  INSERT INTO counted_usage (event_id, source_id, sequence)
  SELECT * FROM unnest($1::uuid[], $2::integer[], $3::bigint[])
  ON CONFLICT (event_id) DO NOTHING RETURNING event_id`;

/**
 * Of these events, those that had not been counted before; from now on they have been. An event at or below the number
 * up to which its source is complete has been, by definition.
 */
export async function countOnce(tx: Transaction, events: readonly UsageEvent[]): Promise<UsageEvent[]> {
  const distinct = [...new Map(events.map((event) => [event.id, event])).values()].sort((a, b) =>
    a.id < b.id ? -1 : 1,
  );
  const sources = await readSources(tx, [...new Set(distinct.map(({ source }) => source))].sort());
  const open = distinct.flatMap((event) => {
    const source = sources.get(event.source);
    return source !== undefined && BigInt(event.sequence ?? 0) > source.complete_through
      ? [{ event, sourceId: source.source_id }]
      : [];
  });
  if (open.length === 0) return [];
  const { rows } = await tx.query<{ event_id: string }>({
    name: 'count-usage',
    text: COUNT,
    values: [
      uuidColumn(open, ({ event }) => event.id.toLowerCase()),
      int4Column(open, ({ sourceId }) => sourceId),
      int8Column(open, ({ event }) => Number(event.sequence)),
    ],
  });
  const fresh = new Set(rows.map(({ event_id: id }) => id));
  return open.flatMap(({ event }) => (fresh.has(event.id.toLowerCase()) ? [event] : []));
}

type SourceRow = { readonly source_id: number; readonly name: string; readonly complete_through: bigint };

async function readSources(tx: Transaction, names: readonly string[]): Promise<Map<string, SourceRow>> {
  const read = async (): Promise<Map<string, SourceRow>> => {
    const { rows } = await tx.query<SourceRow>({
      name: 'share-sources',
      text: READ_SOURCES,
      values: [names],
    });
    return new Map(rows.map((row) => [row.name, row]));
  };
  const known = await read();
  if (known.size === names.length) return known;
  await addSources(
    tx,
    names.filter((name) => !known.has(name)),
  );
  return read();
}
