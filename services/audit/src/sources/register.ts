import type { Pool, Transaction } from '@tollgate/database';
import { AuditError } from '../errors.ts';
import { sha256 } from '../log/leaf.ts';
import { ChainTail, compared, type HeldBudget } from './chain-tail.ts';
import { NONE, prefix, type Range, type Ranges } from './ranges.ts';
import {
  fromStored,
  newSource,
  type SourceState,
  type StoredSource,
  storedSource,
  toStored,
} from './source-state.ts';

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

/** A source's state as it is to be stored. */
export interface ChangedSource {
  readonly source: KnownSource;
  readonly json: string;
  readonly hasMissing: boolean;
  readonly ended: boolean;
  readonly behind: boolean;
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
        row === undefined || row.state === null
          ? newSource(this.#now())
          : await this.#restored(row.source_id, storedSource.parse(row.state));
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

  async #restored(sourceId: number, stored: StoredSource): Promise<SourceState> {
    const beyond = stored.greatest > stored.prefix ? await this.#beyond(sourceId, stored.prefix) : NONE;
    return fromStored(stored, beyond);
  }

  /** The numbers in the index that are greater than `n`. */
  async #beyond(sourceId: number, n: number): Promise<Ranges> {
    const { rows } = await this.#pool.query<{ first: bigint; last: bigint }>(
      `SELECT min(sequence) AS first, max(sequence) AS last
       FROM (SELECT sequence, sequence - row_number() OVER (ORDER BY sequence) AS island
             FROM entry WHERE source_id = $1 AND sequence > $2) AS numbered
       GROUP BY island ORDER BY first`,
      [sourceId, n],
    );
    return rows.map(({ first, last }): Range => [Number(first), Number(last)]);
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

  /**
   * What has changed since the last call, as it is now: to be stored by `storeSources`. If that fails, the register
   * is of no use any more.
   */
  takeChanges(): ChangedSource[] {
    const changed: ChangedSource[] = [];
    for (const source of this.#known.values()) {
      if (!source.changed) continue;
      source.changed = false;
      const { state } = source;
      changed.push({
        source,
        json: JSON.stringify(toStored(state)),
        hasMissing: state.missing.length > 0,
        ended: state.ended !== null,
        behind: isBehind(source),
      });
    }
    return changed;
  }

  /** Whether it is time for `clear`. */
  isFull(): boolean {
    return this.#known.size > MAX_KNOWN;
  }

  /** Forgets everything. Only while nothing that was taken from here is under way. */
  clear(): void {
    for (const source of this.#known.values()) source.chain.release();
    this.#known.clear();
  }
}

/** Stores changes; gives new sources their ids. */
export async function storeSources(tx: Transaction, changed: readonly ChangedSource[]): Promise<void> {
  if (changed.length === 0) return;
  const fresh = changed.filter(({ source }) => source.id === null);
  if (fresh.length > 0) {
    const { rows } = await tx.query<{ source_id: number; name: string }>(
      'INSERT INTO source (name) SELECT unnest($1::text[]) RETURNING source_id, name',
      [fresh.map(({ source }) => source.name)],
    );
    const ids = new Map(rows.map((row) => [row.name, row.source_id]));
    for (const { source } of fresh) source.id = ids.get(source.name) ?? null;
  }
  await tx.query({
    name: 'audit-source-state',
    text: `
      INSERT INTO source_state (source_id, state, has_missing, ended, behind)
      SELECT * FROM unnest($1::int[], $2::jsonb[], $3::bool[], $4::bool[], $5::bool[])
      ON CONFLICT (source_id) DO UPDATE
      SET state = excluded.state, has_missing = excluded.has_missing, ended = excluded.ended, behind = excluded.behind`,
    values: [
      changed.map(({ source }) => source.id),
      changed.map(({ json }) => json),
      changed.map(({ hasMissing }) => hasMissing),
      changed.map(({ ended }) => ended),
      changed.map(({ behind }) => behind),
    ],
  });
}

function isBehind({ state, chain }: KnownSource): boolean {
  return prefix(state.received) > chain.to;
}
