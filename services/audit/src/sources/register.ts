import type { Pool, Transaction } from '@tollgate/database';
import { AuditError } from '../errors.ts';
import { sha256 } from '../log/leaf.ts';
import { ChainTail, compared, type HeldBudget } from './chain-tail.ts';
import { prefix } from './ranges.ts';
import { newSource, type SourceState, sourceState } from './source-state.ts';

/** A source as the integrator has it in hand. */
export interface KnownSource {
  readonly name: string;
  /** SHA-256 of the name. */
  readonly digest: Buffer;
  /** Null until it is stored for the first time. */
  id: number | null;
  state: SourceState;
  chain: ChainTail;
  changed: boolean;
}

/** Sources in memory at once. Those that are silent are read again when they speak. */
const MAX_KNOWN = 4096;

/**
 * The sources' state in the integrator's memory, ahead of Postgres by the batch in hand. When a batch fails, the
 * whole register is thrown away.
 */
export class SourceRegister {
  readonly #pool: Pool;
  readonly #now: () => number;
  readonly #known = new Map<string, KnownSource>();
  readonly #budget: HeldBudget = { bytes: 0 };

  constructor(pool: Pool, now: () => number) {
    this.#pool = pool;
    this.#now = now;
  }

  /** Makes these sources known, from Postgres where it has them, else as new ones. */
  async load(names: Iterable<string>): Promise<void> {
    const wanted = [...new Set(names)].filter((name) => !this.#known.has(name));
    if (wanted.length === 0) return;
    const { rows } = await this.#pool.query<{ source_id: number; name: string; state: unknown }>(
      `SELECT source_id, name, state FROM source LEFT JOIN source_state USING (source_id) WHERE name = ANY ($1::text[])`,
      [wanted],
    );
    const stored = new Map(rows.map((row) => [row.name, row]));
    for (const name of wanted) {
      const row = stored.get(name);
      const state =
        row === undefined || row.state === null ? newSource(this.#now()) : sourceState.parse(row.state);
      this.#known.set(name, {
        name,
        digest: sha256(name),
        id: row?.source_id ?? null,
        state,
        chain: new ChainTail(state.chain, this.#budget),
        changed: false,
      });
    }
  }

  /** Makes those known whose chain the last epoch left behind. */
  async loadBehind(): Promise<void> {
    const { rows } = await this.#pool.query<{ name: string }>(
      `SELECT name FROM source_state JOIN source USING (source_id) WHERE behind ORDER BY source_id DESC LIMIT ${MAX_KNOWN}`,
    );
    await this.load(rows.map(({ name }) => name));
  }

  /** A source that has been loaded. */
  get(name: string): KnownSource {
    const source = this.#known.get(name);
    if (source === undefined)
      throw new AuditError('log_inconsistent', 'a source was used before it was loaded');
    return source;
  }

  change(source: KnownSource, state: SourceState): void {
    source.state = state;
    source.changed = true;
  }

  /** Those that lag behind what is in the log without a hole, so that their chain needs the archive. */
  *behind(): Generator<KnownSource> {
    for (const source of this.#known.values()) if (isBehind(source)) yield source;
  }

  /** Compares chains, and returns the sources where one has turned out wrong since the last time. */
  compare(): KnownSource[] {
    const wrong: KnownSource[] = [];
    for (const source of this.#known.values()) {
      if (!source.changed) continue;
      const before = source.state.mismatch;
      source.state = compared(source.state, source.chain);
      if (before === null && source.state.mismatch !== null) wrong.push(source);
    }
    return wrong;
  }

  /** Stores what has changed; gives new sources their ids. */
  async store(tx: Transaction): Promise<void> {
    const changed = [...this.#known.values()].filter((source) => source.changed);
    const fresh = changed.filter((source) => source.id === null);
    if (fresh.length > 0) {
      const { rows } = await tx.query<{ source_id: number; name: string }>(
        'INSERT INTO source (name) SELECT unnest($1::text[]) RETURNING source_id, name',
        [fresh.map(({ name }) => name)],
      );
      for (const row of rows) this.get(row.name).id = row.source_id;
    }
    if (changed.length === 0) return;
    await tx.query({
      name: 'audit-source-state',
      text: `
        INSERT INTO source_state (source_id, state, has_missing, ended, behind)
        SELECT * FROM unnest($1::int[], $2::jsonb[], $3::bool[], $4::bool[], $5::bool[])
        ON CONFLICT (source_id) DO UPDATE
        SET state = excluded.state, has_missing = excluded.has_missing, ended = excluded.ended, behind = excluded.behind`,
      values: [
        changed.map(({ id }) => id),
        changed.map(({ state }) => JSON.stringify(state)),
        changed.map(({ state }) => state.missing.length > 0),
        changed.map(({ state }) => state.ended !== null),
        changed.map(isBehind),
      ],
    });
  }

  /** To be called when what was stored has been committed. */
  settle(): void {
    for (const source of this.#known.values()) source.changed = false;
  }

  /** Between two batches: forgets everything when it has become too much. */
  trim(): void {
    if (this.#known.size <= MAX_KNOWN) return;
    for (const source of this.#known.values()) source.chain.release();
    this.#known.clear();
  }
}

function isBehind({ state, chain }: KnownSource): boolean {
  return prefix(state.received) > chain.to;
}
