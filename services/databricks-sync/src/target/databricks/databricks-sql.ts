import { type Column, type ColumnType, DATE_COLUMN, TABLES, type Table } from '../../tables/columns.ts';
import { type Dialect, dailyView } from '../views.ts';

/** Where the tables are, in Unity Catalog. */
export interface Namespace {
  readonly catalog: string;
  readonly schema: string;
}

const TYPES: Readonly<Record<ColumnType, string>> = {
  text: 'STRING',
  date: 'DATE',
  timestamp: 'TIMESTAMP',
  bigint: 'BIGINT',
  boolean: 'BOOLEAN',
  amount: 'DECIMAL(38,18)',
};

/** What travels as text in the JSON, since JSON has no such type or a number would lose digits. */
const CAST_FROM_TEXT: ReadonlySet<ColumnType> = new Set(['date', 'timestamp', 'amount']);

const SAFE_NAME = /^[A-Za-z_][A-Za-z0-9_-]{0,127}$/;

/** Whether a name can stand between backticks as it is. */
export function isSafeName(name: string): boolean {
  return SAFE_NAME.test(name);
}

/** @param names safe ones */
export function databricksDialect({ catalog, schema }: Namespace): Dialect {
  const qualified = (name: string): string => `\`${catalog}\`.\`${schema}\`.\`${name}\``;
  return {
    auditEvents: qualified('audit_events'),
    charges: qualified('charges'),
    dayOf: (timestamp) => `CAST(to_utc_timestamp(${timestamp}, current_timezone()) AS DATE)`,
    parameter: (name) => `:${name}`,
    timestampType: 'TIMESTAMP',
    textType: 'STRING',
  };
}

/**
 * What makes schema, tables and view, where they are missing. Both tables refuse UPDATE and DELETE, and are clustered
 * by what is asked for most.
 */
export function databricksDdl(namespace: Namespace): readonly string[] {
  const dialect = databricksDialect(namespace);
  const { catalog, schema } = namespace;
  return [
    `CREATE SCHEMA IF NOT EXISTS \`${catalog}\`.\`${schema}\``,
    createTable(dialect.auditEvents, TABLES.audit_events),
    createTable(dialect.charges, TABLES.charges),
    `CREATE VIEW IF NOT EXISTS \`${catalog}\`.\`${schema}\`.\`daily\` AS\n${dailyView(dialect)}`,
  ];
}

function createTable(qualified: string, { columns, comment }: Table): string {
  const lines = columns.map(
    (column) =>
      `${column.name} ${TYPES[column.type]}${column.required ? ' NOT NULL' : ''} COMMENT ${literal(column.comment)}`,
  );
  return `CREATE TABLE IF NOT EXISTS ${qualified} (\n  ${lines.join(',\n  ')}\n) USING DELTA
CLUSTER BY (${DATE_COLUMN}, team_id)
COMMENT ${literal(comment)}
TBLPROPERTIES ('delta.appendOnly' = 'true')`;
}

/**
 * Inserts the rows of the JSON array `:rows` that are not there yet. The dates are literals, so that the engine knows
 * before it starts which files it reads, and a writer of other days does not conflict with it.
 *
 * @param range dates, YYYY-MM-DD
 */
export function databricksMerge(
  qualified: string,
  { key, columns }: Table,
  range: { readonly from: string; readonly to: string },
): string {
  const structure = columns
    .map((column) => `${column.name}:${CAST_FROM_TEXT.has(column.type) ? 'STRING' : TYPES[column.type]}`)
    .join(',');
  const value = (column: Column): string =>
    CAST_FROM_TEXT.has(column.type) ? `CAST(r.${column.name} AS ${TYPES[column.type]})` : `r.${column.name}`;
  const select = columns.map((column) => `${value(column)} AS ${column.name}`).join(', ');
  const names = columns.map((column) => column.name);
  return `MERGE INTO ${qualified} AS t
USING (
  SELECT ${select}
  FROM (SELECT explode(from_json(:rows, 'array<struct<${structure}>>', map('mode', 'FAILFAST'))) AS r) AS source
) AS s
ON t.${DATE_COLUMN} BETWEEN DATE'${range.from}' AND DATE'${range.to}'
  AND t.${DATE_COLUMN} = s.${DATE_COLUMN} AND t.${key} = s.${key}
WHEN NOT MATCHED THEN INSERT (${names.join(', ')}) VALUES (${names.map((name) => `s.${name}`).join(', ')})`;
}

function literal(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
