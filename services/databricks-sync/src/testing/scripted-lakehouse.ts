import { type ScriptedEngine, scriptedEngine } from '@tollgate/simulated-databricks/warehouse';

/** An engine that executes our MERGE as an engine should, on rows in memory; and counts what it inserted. */
export class ScriptedLakehouse {
  readonly engine: ScriptedEngine;
  /** By table, every row ever inserted. */
  readonly inserted: Record<string, Record<string, unknown>[]> = { audit_events: [], charges: [] };
  readonly ddl: string[] = [];

  constructor() {
    this.engine = scriptedEngine()
      .on(/^CREATE/, ({ sql }) => {
        this.ddl.push(sql);
        return undefined;
      })
      .on(
        /^MERGE INTO `\w+`\.`\w+`\.`(\w+)`[\s\S]*AND t\.event_date = s\.event_date AND t\.(\w+) = s\.\w+\nWHEN NOT MATCHED/,
        (statement, [, table = '', key = '']) => {
          const parameter = statement.parameters.find(({ name }) => name === 'rows');
          const rows: Record<string, unknown>[] = JSON.parse(parameter?.value ?? '[]');
          const known = this.inserted[table] ?? [];
          const fresh = rows.filter((row) => !known.some((other) => other[key] === row[key]));
          known.push(...fresh);
          return {
            columns: { num_affected_rows: 'bigint', num_inserted_rows: 'bigint' },
            rows: [{ num_affected_rows: BigInt(fresh.length), num_inserted_rows: BigInt(fresh.length) }],
          };
        },
      );
  }

  /** Ids of a table's rows, in the order in which they came. */
  ids(table: 'audit_events' | 'charges'): unknown[] {
    return (this.inserted[table] ?? []).map((row) => row[table === 'charges' ? 'charge_id' : 'event_id']);
  }
}
