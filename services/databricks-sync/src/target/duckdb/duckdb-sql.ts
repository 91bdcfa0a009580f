import { type Column, type ColumnType, DATE_COLUMN, TABLES, type Table } from '../../tables/columns.ts';
import { type Dialect, dailyView } from '../views.ts';

const TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'VARCHAR',
  date: 'DATE',
  timestamp: 'TIMESTAMPTZ',
  bigint: 'BIGINT',
  boolean: 'BOOLEAN',
  amount: 'DECIMAL(38,18)',
};

export const DUCKDB: Dialect = {
  auditEvents: 'audit_events',
  charges: 'charges',
  dayOf: (timestamp) => `CAST(${timestamp} AT TIME ZONE 'UTC' AS DATE)`,
  parameter: (name) => `$${name}`,
  timestampType: 'TIMESTAMPTZ',
  textType: 'VARCHAR',
};

/** What makes the tables and the view, where they are missing. */
export const DUCKDB_DDL: readonly string[] = [
  ...Object.values(TABLES).map(createTable),
  `CREATE VIEW IF NOT EXISTS daily AS ${dailyView(DUCKDB)}`,
];

function createTable({ name, columns }: Table): string {
  const lines = columns.map(
    (column) => `${column.name} ${TYPES[column.type]}${column.required ? ' NOT NULL' : ''}`,
  );
  return `CREATE TABLE IF NOT EXISTS ${name} (\n  ${lines.join(',\n  ')}\n)`;
}

/** Inserts the rows of the JSON array `$rows` that are not there yet; looks only at the dates from..to. */
export function duckdbMerge({ name, key, columns }: Table): string {
  const structure = JSON.stringify([
    Object.fromEntries(columns.map((column) => [column.name, TYPES[column.type]])),
  ]);
  const names = (of: (column: Column) => string): string => columns.map(of).join(', ');
  return `MERGE INTO ${name} AS t
USING (SELECT unnest(from_json_strict($rows, '${structure}'), recursive := true)) AS s
ON t.${DATE_COLUMN} BETWEEN CAST($from_date AS DATE) AND CAST($to_date AS DATE)
  AND t.${DATE_COLUMN} = s.${DATE_COLUMN} AND t.${key} = s.${key}
WHEN NOT MATCHED THEN INSERT (${names((column) => column.name)}) VALUES (${names((column) => `s.${column.name}`)})`;
}
