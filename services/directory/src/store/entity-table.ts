import type { Transaction } from '@tollgate/database';
import { HttpProblem, PROBLEMS, type Reach } from '@tollgate/http';

/** A row as the database gives it. Its columns are the members of the entity, so schemas read it. */
export type Row = Readonly<Record<string, unknown>> & { readonly id: string; readonly version: number };

/** Where the entities of one kind are kept. All names are fixed texts of the code. */
export type EntityTable = {
  readonly name: string;
  /** Columns that are written, besides id, version and the two instants. */
  readonly columns: readonly string[];
  /** More columns to read, as SQL over the table, such as an aggregated membership. */
  readonly derived?: string;
  /** Fixed conditions, as SQL, where the table holds more than one kind. */
  readonly only?: string;
  /** What limits a row to an organisation: null where rows belong to the whole installation. */
  readonly organisationColumn: 'organisation_id' | 'id' | null;
  /** What limits a row to a team; null where rows belong to no team, which a team's reach does not see. */
  readonly teamColumn: 'team_id' | 'id' | null;
};

/** A pool, or a transaction. */
type Querying = {
  query<R extends Row>(text: string, values: unknown[]): Promise<{ rows: R[] }>;
};

/** Statements over one entity table, put together from its fixed names; values are always parameters. */
export class EntityStore {
  readonly table: EntityTable;

  constructor(table: EntityTable) {
    this.table = table;
  }

  /** Rows in order of their ids, which is the order of their making, after `cursor`. */
  async list(
    on: Querying,
    options: {
      readonly reach: Reach;
      readonly filters: Readonly<Record<string, string | undefined>>;
      readonly after: string;
      readonly limit: number;
    },
  ): Promise<Row[]> {
    const { organisationColumn, teamColumn } = this.table;
    const values: unknown[] = [options.after, options.limit];
    const where = ['id > $1', ...this.#fixed()];
    const and = (condition: (parameter: string) => string, value: unknown) => {
      values.push(value);
      where.push(condition(`$${values.length}`));
    };
    if (options.reach.organisationId !== null) {
      if (organisationColumn === null) return [];
      and((parameter) => `${organisationColumn} = ${parameter}`, options.reach.organisationId);
    }
    if (options.reach.teamIds !== null) {
      if (teamColumn === null) return [];
      and((parameter) => `${teamColumn} = ANY(${parameter})`, [...options.reach.teamIds]);
    }
    for (const [column, value] of Object.entries(options.filters)) {
      if (value !== undefined) and((parameter) => `${column} = ${parameter}`, value);
    }
    return this.#rows(on, `${this.#select()} WHERE ${where.join(' AND ')} ORDER BY id LIMIT $2`, values);
  }

  /** All rows. */
  all(on: Querying): Promise<Row[]> {
    const fixed = this.#fixed();
    return this.#rows(
      on,
      `${this.#select()}${fixed.length === 0 ? '' : ` WHERE ${fixed.join(' AND ')}`}`,
      [],
    );
  }

  /** One row, or undefined. */
  async get(on: Querying, id: string): Promise<Row | undefined> {
    const where = ['id = $1', ...this.#fixed()].join(' AND ');
    return (await this.#rows(on, `${this.#select()} WHERE ${where}`, [id]))[0];
  }

  /** One row, which nobody else can change until the transaction ends. */
  async lock(tx: Transaction, id: string): Promise<Row | undefined> {
    const where = ['id = $1', ...this.#fixed()].join(' AND ');
    const { rows } = await tx.query(`SELECT id FROM ${this.table.name} WHERE ${where} FOR UPDATE`, [id]);
    // Read anew: what the lock waited for may have changed more than the locked row.
    return rows.length === 0 ? undefined : this.get(tx, id);
  }

  async insert(
    tx: Transaction,
    id: string,
    values: Readonly<Record<string, unknown>>,
    at: string,
  ): Promise<void> {
    const columns = ['id', 'version', 'created_at', 'updated_at', ...this.table.columns];
    const parameters = columns.map((_, index) => `$${index + 1}`);
    await tx.query(
      `INSERT INTO ${this.table.name} (${columns.join(', ')}) VALUES (${parameters.join(', ')})`,
      [id, 1, at, at, ...this.table.columns.map((column) => values[column] ?? null)],
    );
  }

  /** Sets the given columns and counts the version up. */
  async update(
    tx: Transaction,
    id: string,
    values: Readonly<Record<string, unknown>>,
    at: string,
  ): Promise<void> {
    const columns = this.table.columns.filter((column) => column in values);
    const assignments = columns.map((column, index) => `${column} = $${index + 3}`);
    await tx.query(
      `UPDATE ${this.table.name} SET ${['version = version + 1', 'updated_at = $2', ...assignments].join(', ')}
       WHERE id = $1`,
      [id, at, ...columns.map((column) => values[column] ?? null)],
    );
  }

  async delete(tx: Transaction, id: string): Promise<void> {
    await tx.query(`DELETE FROM ${this.table.name} WHERE id = $1`, [id]);
  }

  #select(): string {
    const derived = this.table.derived === undefined ? '' : `, ${this.table.derived}`;
    return `SELECT ${this.table.name}.*${derived} FROM ${this.table.name}`;
  }

  #fixed(): string[] {
    return this.table.only === undefined ? [] : [this.table.only];
  }

  async #rows(on: Querying, text: string, values: readonly unknown[]): Promise<Row[]> {
    const { rows } = await on.query<Row>(text, [...values]);
    return rows;
  }
}

/** The organisation and team that a row belongs to, as reach is compared with. */
export function placeOf(table: EntityTable, row: Readonly<Record<string, unknown>>) {
  return {
    organisationId: textOrNull(table.organisationColumn === null ? null : row[table.organisationColumn]),
    teamId: textOrNull(table.teamColumn === null ? null : row[table.teamColumn]),
  };
}

/** @throws HttpProblem 409 `version_conflict` */
export function assertVersion(row: Row, version: number | undefined): void {
  if (version === undefined || version === row.version) return;
  throw new HttpProblem(
    PROBLEMS.versionConflict,
    `it is at version ${row.version}, not ${version}: read it again and decide anew`,
  );
}

function textOrNull(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}
