import { randomUUID } from 'node:crypto';
import { type Transaction, transaction } from '@tollgate/database';
import { HttpProblem } from '@tollgate/http';
import { VAULT_PROBLEMS } from '../../errors.ts';
import { type Actor, nameOf, recordAction, VAULT } from '../admin-events.ts';
import { lockVault } from '../lock-vault.ts';
import { type PayloadScope, SCOPE_COLUMNS, SCOPE_PARAMETERS, scopeValues, within } from '../scope.ts';
import type { VaultParts } from '../vault-parts.ts';
import type { LedgerEntry } from './ledger.ts';
import { asEraser, wipeErasure } from './wipe.ts';

export interface Erasure {
  readonly erasureId: string;
  readonly erasedAt: string;
  /** Payloads that it erased; those that come later of the same requests are not let in, and not counted. */
  readonly payloads: number;
}

export interface EraseRequest {
  readonly actor: Actor;
  readonly scope: PayloadScope;
  readonly reason: string;
}

/**
 * Erases every payload within a scope that was asked for until now, for good. When it resolves their keys and bodies
 * are gone from the disk.
 *
 * @throws HttpProblem `legal_hold` where a hold keeps one of them: then none is erased
 */
export async function erase(vault: VaultParts, { actor, scope, reason }: EraseRequest): Promise<Erasure> {
  const erasedAt = new Date(vault.now()).toISOString();
  const entry: LedgerEntry = {
    erasure_id: randomUUID(),
    // What is asked of a model later is another matter; a request that is named has been asked.
    scope: scope.request_id === undefined ? { ...scope, to: earliest(scope.to, erasedAt) } : scope,
    reason,
    erased_by: nameOf(actor),
    erased_at: erasedAt,
  };
  const refusal = await transaction(vault.pool, async (tx) => {
    await lockVault(tx);
    const holds = await holdsWithin(tx, entry.scope);
    if (holds.length > 0) {
      await record(tx, vault, actor, entry, { holds }, VAULT_PROBLEMS.legalHold.code);
      return new HttpProblem(
        VAULT_PROBLEMS.legalHold,
        `a legal hold keeps some of it, so nothing was erased: ${holds.join(', ')}; release it first, or leave out what it keeps`,
      );
    }
    await mark(tx, entry);
    await record(tx, vault, actor, entry, {});
    // Before the commit: what the database knows to be erased, the ledger knows too.
    await vault.ledger.append(entry);
    return null;
  });
  // Thrown only now, so that the record of the refusal is committed.
  if (refusal !== null) throw refusal;
  const payloads = await wipeErasure(vault, entry.erasure_id);
  vault.observer.onErased('asked', payloads);
  return { erasureId: entry.erasure_id, erasedAt, payloads };
}

/**
 * Does again what the ledger tells and the database has forgotten, since an older backup of it was restored; and tells
 * the ledger what only the database knows. Goes on, too, where a process was killed while it wiped.
 *
 * @returns how many erasures were done again
 */
export async function replayLedger(vault: VaultParts): Promise<number> {
  const { pool, ledger, logger } = vault;
  const entries = await ledger.read();
  let replayed = 0;
  for (const entry of entries) {
    const isNew = await transaction(pool, async (tx) => {
      await lockVault(tx);
      const { rowCount } = await tx.query('SELECT FROM vault_erasure WHERE erasure_id = $1', [
        entry.erasure_id,
      ]);
      if (rowCount > 0) return false;
      await mark(tx, entry);
      await record(tx, vault, VAULT, entry, { ledger: true }, undefined, 'payload.erase-again');
      return true;
    });
    if (isNew) replayed += 1;
  }
  if (replayed > 0)
    logger.warn({ erasures: replayed }, 'the database was restored; what had been erased is erased again');
  await tellLedger(vault, new Set(entries.map(({ erasure_id }) => erasure_id)));
  const { rows } = await pool.query<{ erasure_id: string }>(
    'SELECT erasure_id FROM vault_erasure WHERE wiped_at IS NULL ORDER BY erased_at',
  );
  for (const { erasure_id } of rows) await wipeErasure(vault, erasure_id);
  return replayed;
}

/** Marks the rows, as the role that erases, and the keys of teams and days of which nothing is left. */
export async function mark(
  tx: Transaction,
  entry: LedgerEntry,
  more: { readonly cause: 'asked' | 'retention'; readonly condition: string } = {
    cause: 'asked',
    condition: 'true',
  },
): Promise<number> {
  await asEraser(tx);
  await tx.query(
    `INSERT INTO vault_erasure (${SCOPE_COLUMNS}, erasure_id, cause, reason, erased_by, erased_at)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
    [
      ...scopeValues(entry.scope),
      entry.erasure_id,
      more.cause,
      entry.reason,
      entry.erased_by,
      entry.erased_at,
    ],
  );
  const { rowCount } = await tx.query(
    `UPDATE vault_payload p SET state = 'erased', erasure_id = $8::uuid
     FROM ${SCOPE_PARAMETERS} s WHERE p.state <> 'erased' AND ${within('p', 's')} AND ${more.condition}`,
    [...scopeValues(entry.scope), entry.erasure_id],
  );
  await tx.query(
    `UPDATE vault_team_day d SET wiped_at = $2 WHERE wiped_at IS NULL
       AND EXISTS (SELECT FROM vault_payload p WHERE p.team_day = d.slot AND p.erasure_id = $1)
       AND NOT EXISTS (SELECT FROM vault_payload p WHERE p.team_day = d.slot AND p.state <> 'erased')`,
    [entry.erasure_id, entry.erased_at],
  );
  await tx.query('RESET ROLE');
  return rowCount;
}

async function holdsWithin(tx: Transaction, scope: PayloadScope): Promise<string[]> {
  const { rows } = await tx.query<{ hold_id: string }>(
    `SELECT h.hold_id FROM vault_hold h WHERE h.released_at IS NULL AND EXISTS (
       SELECT FROM vault_payload p, ${SCOPE_PARAMETERS} s
       WHERE p.state <> 'erased' AND ${within('p', 's')} AND ${within('p', 'h')})`,
    scopeValues(scope),
  );
  return rows.map(({ hold_id }) => hold_id);
}

/** Erasures of a ledger that was lost, or restored from an older backup. */
async function tellLedger({ pool, ledger }: VaultParts, known: ReadonlySet<string>): Promise<void> {
  const { rows } = await pool.query<{ entry: LedgerEntry }>(
    `SELECT jsonb_build_object('erasure_id', erasure_id, 'reason', reason, 'erased_by', erased_by,
       'erased_at', to_char(erased_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
       'scope', jsonb_strip_nulls(jsonb_build_object('organisation', organisation_id, 'team', team_id,
         'user', principal_id, 'end_user', end_user, 'request_id', request_id,
         'from', to_char(since AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
         'to', to_char(until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')))) AS entry
     FROM vault_erasure WHERE cause = 'asked' ORDER BY erased_at`,
  );
  for (const { entry } of rows) if (!known.has(entry.erasure_id)) await ledger.append(entry);
}

async function record(
  tx: Transaction,
  { now }: VaultParts,
  actor: Actor,
  { erasure_id, scope, reason }: LedgerEntry,
  details: Readonly<Record<string, unknown>>,
  refusedWith?: string,
  action: 'payload.erase' | 'payload.erase-again' = 'payload.erase',
): Promise<void> {
  await recordAction(tx, now(), {
    actor,
    action,
    target: `payload-erasure/${erasure_id}`,
    organisationId: scope.organisation ?? null,
    reason,
    details: { scope, ...details },
    ...(refusedWith === undefined ? {} : { refusedWith }),
  });
}

function earliest(one: string | undefined, other: string): string {
  return one !== undefined && one < other ? one : other;
}
