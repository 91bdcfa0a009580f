import { randomUUID } from 'node:crypto';
import { type Transaction, transaction } from '@tollgate/database';
import { HttpProblem, PROBLEMS, type Reach, reaches } from '@tollgate/http';
import { VAULT_PROBLEMS } from '../../errors.ts';
import { type Actor, nameOf, recordAction } from '../admin-events.ts';
import type { VaultParts } from '../vault-parts.ts';

/** How long a reveal may be approved and read. */
const REVEAL_MS = 86_400_000;

export interface Reveal {
  readonly reveal_id: string;
  readonly request_id: string;
  readonly reason: string;
  readonly asked_by: string;
  readonly asked_at: string;
  readonly needs_approval: boolean;
  readonly approved_by: string | null;
  readonly approved_at: string | null;
  readonly expires_at: string;
}

export interface RevealRow extends Reveal {
  readonly organisation_id: string;
  readonly team_id: string;
}

const COLUMNS = `reveal_id, request_id, organisation_id, team_id, reason, asked_by, asked_at, needs_approval,
  approved_by, approved_at, expires_at`;

export interface Who {
  readonly actor: Actor;
  readonly reach: Reach;
}

/** Asks to read what the vault keeps of a request. @throws HttpProblem `not_found` */
export async function askReveal(
  { pool, now, settings }: VaultParts,
  { actor, reach }: Who,
  { requestId, reason }: { readonly requestId: string; readonly reason: string },
): Promise<Reveal> {
  const nowMs = now();
  return transaction(pool, async (tx) => {
    const { rows } = await tx.query<{ organisation_id: string; team_id: string }>(
      'SELECT organisation_id, team_id FROM vault_payload WHERE request_id = $1 LIMIT 1',
      [requestId],
    );
    const [whose] = rows;
    if (whose === undefined || !reaches(reach, whose.organisation_id, whose.team_id)) throw unknownRequest();
    const { rows: made } = await tx.query<RevealRow>(
      `INSERT INTO vault_reveal (reveal_id, request_id, organisation_id, team_id, reason, asked_by, asked_at,
         needs_approval, expires_at)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING ${COLUMNS}`,
      [
        randomUUID(),
        requestId,
        whose.organisation_id,
        whose.team_id,
        reason,
        nameOf(actor),
        new Date(nowMs).toISOString(),
        settings.revealNeedsApproval,
        new Date(nowMs + REVEAL_MS).toISOString(),
      ],
    );
    const [reveal] = made;
    if (reveal === undefined) throw new Error('a reveal that was written did not come back');
    await record(tx, nowMs, actor, 'payload-reveal.ask', reveal);
    return viewOf(reveal);
  });
}

/** @throws HttpProblem `not_found`, `approver_not_allowed`, `reveal_settled` */
export async function approveReveal(
  { pool, now }: VaultParts,
  { actor, reach }: Who,
  revealId: string,
): Promise<Reveal> {
  const nowMs = now();
  const outcome = await transaction(pool, async (tx) => {
    const reveal = await findReveal(tx, revealId, reach);
    if (!reveal.needs_approval || reveal.approved_by !== null || Date.parse(reveal.expires_at) <= nowMs) {
      throw new HttpProblem(VAULT_PROBLEMS.settled, 'it was approved before, or has expired: ask anew');
    }
    if (reveal.asked_by === nameOf(actor)) {
      const { code } = VAULT_PROBLEMS.approverNotAllowed;
      await record(tx, nowMs, actor, 'payload-reveal.approve', reveal, code);
      return new HttpProblem(
        VAULT_PROBLEMS.approverNotAllowed,
        'a second person has to approve, not who asked',
      );
    }
    const { rows } = await tx.query<RevealRow>(
      `UPDATE vault_reveal SET approved_by = $2, approved_at = $3
       WHERE reveal_id = $1 AND approved_by IS NULL RETURNING ${COLUMNS}`,
      [revealId, nameOf(actor), new Date(nowMs).toISOString()],
    );
    const [approved] = rows;
    if (approved === undefined)
      throw new HttpProblem(VAULT_PROBLEMS.settled, 'somebody else approved it just now');
    await record(tx, nowMs, actor, 'payload-reveal.approve', approved);
    return viewOf(approved);
  });
  // Thrown only now, so that the record of the refusal is committed.
  if (outcome instanceof HttpProblem) throw outcome;
  return outcome;
}

/** A reveal within the caller's reach. @throws HttpProblem `not_found` */
export async function findReveal(tx: Transaction, revealId: string, reach: Reach): Promise<RevealRow> {
  const { rows } = await tx.query<RevealRow>(`SELECT ${COLUMNS} FROM vault_reveal WHERE reveal_id = $1`, [
    revealId,
  ]);
  const [reveal] = rows;
  if (reveal === undefined || !reaches(reach, reveal.organisation_id, reveal.team_id)) {
    throw new HttpProblem(PROBLEMS.notFound, "there is no such reveal within the token's reach");
  }
  return reveal;
}

export async function record(
  tx: Transaction,
  nowMs: number,
  actor: Actor,
  action: 'payload-reveal.ask' | 'payload-reveal.approve' | 'payload.reveal',
  reveal: RevealRow,
  refusedWith?: string,
  details: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  await recordAction(tx, nowMs, {
    actor,
    action,
    target: reveal.request_id,
    organisationId: reveal.organisation_id,
    reason: reveal.reason,
    details: { reveal_id: reveal.reveal_id, ...details },
    ...(refusedWith === undefined ? {} : { refusedWith }),
  });
}

function viewOf({ organisation_id: _, team_id: __, ...reveal }: RevealRow): Reveal {
  return reveal;
}

function unknownRequest(): HttpProblem {
  return new HttpProblem(
    PROBLEMS.notFound,
    "the vault knows nothing of that request within the token's reach",
  );
}
