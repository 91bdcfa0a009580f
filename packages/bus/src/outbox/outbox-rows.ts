import type { Pool, Transaction } from '@tollgate/database';
import { type KeyedDraft, unpackDrafts } from './draft-pack.ts';

/** A row of the outbox that has no number: one draft, or a pack of them. */
type OutboxRow = {
  readonly id: bigint;
  readonly key: string | null;
  readonly draft: string | null;
  readonly pack: Buffer | null;
};

/** Drafts of whole rows, in order of insertion. */
export type WaitingDrafts = { readonly ids: readonly bigint[]; readonly drafts: readonly KeyedDraft[] };

/** Rows from the first on until they hold `limit` events; the last row's may be more. */
export async function readUnnumbered(tx: Transaction, limit: number): Promise<WaitingDrafts> {
  const { rows } = await tx.query<OutboxRow>({
    name: 'bus.unnumbered',
    text: `SELECT id, key, draft, pack
           FROM (
             SELECT id, key, draft, pack, sum(events) OVER (ORDER BY id) - events AS before
             FROM (SELECT * FROM outbox WHERE sequence IS NULL ORDER BY id LIMIT $1) AS next
           ) AS counted
           WHERE before < $1 ORDER BY id`,
    values: [limit],
  });
  return waiting(rows);
}

/** @throws Error where one of them is gone */
export async function readRows(tx: Transaction, ids: readonly bigint[]): Promise<WaitingDrafts> {
  const { rows } = await tx.query<OutboxRow>(
    `SELECT id, key, draft, pack
     FROM unnest($1::bigint[]) WITH ORDINALITY AS p (id, n) JOIN outbox USING (id) ORDER BY n`,
    [ids],
  );
  if (rows.length !== ids.length) {
    throw new Error(`${ids.length - rows.length} rows of the outbox that have numbers are gone`);
  }
  return waiting(rows);
}

/** What waits to be numbered, as text: for whoever looks into an outbox, such as a test. */
export async function draftsInOutbox(pool: Pool): Promise<{ key: string; draft: string }[]> {
  const { rows } = await pool.query<OutboxRow>(
    'SELECT id, key, draft, pack FROM outbox WHERE sequence IS NULL ORDER BY id',
  );
  const { drafts } = await waiting(rows);
  return drafts.map(({ key, draft }) => ({ key, draft: draft.toString('utf8') }));
}

async function waiting(rows: readonly OutboxRow[]): Promise<WaitingDrafts> {
  const parts = await Promise.all(rows.map(draftsOf));
  return { ids: rows.map((row) => row.id), drafts: parts.flat() };
}

async function draftsOf({ key, draft, pack }: OutboxRow): Promise<readonly KeyedDraft[]> {
  if (pack !== null) return unpackDrafts(pack);
  return [{ key: key ?? '', draft: Buffer.from(draft ?? '') }];
}
