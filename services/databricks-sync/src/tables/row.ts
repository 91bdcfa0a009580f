import type { TableName } from './columns.ts';

/** A value as it travels in JSON: amounts and instants as text, which loses nothing. */
export type Value = string | number | boolean | null;

/** One row on its way. */
export interface DeliveryRow {
  /** UUID: with the date, what the target knows the row by. */
  readonly key: string;
  /** YYYY-MM-DD */
  readonly date: string;
  /** One JSON object: a member for each column. */
  readonly body: string;
}

export interface TableRow extends DeliveryRow {
  readonly table: TableName;
}

/** A row of these values: one for every column. */
export function rowOf(
  table: TableName,
  key: string,
  date: string,
  values: Readonly<Record<string, Value>>,
): TableRow {
  return { table, key, date, body: JSON.stringify(values) };
}

const MICROS = 'YYYY-MM-DDTHH:MM:SS.ffffff'.length;

/** An RFC 3339 instant in UTC, cut to the microseconds that a column holds. */
export function timestampOf(instant: string): string {
  return instant.length - 1 <= MICROS ? instant : `${instant.slice(0, MICROS)}Z`;
}

/** The UTC day of an RFC 3339 instant in UTC. */
export function dateOf(instant: string): string {
  return instant.slice(0, 'YYYY-MM-DD'.length);
}
