import { transaction } from '@tollgate/database';
import { HttpProblem } from '@tollgate/http';
import { decryptPayload, type PayloadDirection } from '@tollgate/payload-sealing';
import { AuditError, VAULT_PROBLEMS } from '../../errors.ts';
import { nameOf } from '../admin-events.ts';
import { unwrapPayloadKey } from '../keys/team-day-keys.ts';
import type { VaultParts } from '../vault-parts.ts';
import { findReveal, record, type Who } from './reveals.ts';

/** A payload as it is shown to whoever may read it. */
export interface RevealedPayload {
  readonly direction: PayloadDirection;
  readonly contentType: string;
  readonly bodyBytes: number;
  readonly truncated: boolean;
  readonly digest: string;
  readonly body: Buffer;
}

interface KeptRow {
  readonly slot: bigint;
  readonly request_id: string;
  readonly direction: PayloadDirection;
  readonly content_type: string;
  readonly body_bytes: bigint;
  readonly kept_bytes: number;
  readonly digest: Buffer;
  readonly team_day: bigint;
  readonly object: string;
  readonly object_offset: number;
  readonly object_bytes: number;
}

/**
 * What the vault keeps of a request. That it is read stands in the audit trail before it is handed out.
 *
 * @throws HttpProblem `not_found`, `needs_approval`, `approver_not_allowed` to anybody but who asked, `payload_erased`
 */
export async function readPayloads(
  vault: VaultParts,
  { actor, reach }: Who,
  revealId: string,
): Promise<RevealedPayload[]> {
  const nowMs = vault.now();
  const rows = await transaction(vault.pool, async (tx) => {
    const reveal = await findReveal(tx, revealId, reach);
    if (reveal.asked_by !== nameOf(actor)) {
      throw new HttpProblem(VAULT_PROBLEMS.approverNotAllowed, 'only who asked for the reveal may read it');
    }
    if (Date.parse(reveal.expires_at) <= nowMs) {
      throw new HttpProblem(VAULT_PROBLEMS.settled, 'the reveal has expired: ask anew');
    }
    if (reveal.needs_approval && reveal.approved_by === null) {
      throw new HttpProblem(VAULT_PROBLEMS.needsApproval, 'somebody else has to approve the reveal first');
    }
    const { rows: kept } = await tx.query<KeptRow>(
      `SELECT slot, request_id, direction, content_type, body_bytes, kept_bytes, digest, team_day, object,
         object_offset, object_bytes
       FROM vault_payload WHERE request_id = $1 AND state = 'kept' ORDER BY direction`,
      [reveal.request_id],
    );
    if (kept.length === 0) {
      throw new HttpProblem(VAULT_PROBLEMS.payloadErased, 'what the vault kept of the request was erased');
    }
    await record(tx, nowMs, actor, 'payload.reveal', reveal, undefined, {
      directions: kept.map(({ direction }) => direction),
    });
    return kept;
  });
  const payloads = await Promise.all(rows.map((row) => readOne(vault, row)));
  vault.observer.onRevealed(payloads.length);
  return payloads;
}

async function readOne(vault: VaultParts, row: KeptRow): Promise<RevealedPayload> {
  const { direction, request_id: requestId } = row;
  const slot = Number(row.slot);
  const [wrapped] = await vault.payloadKeys.read([slot]);
  const teamDay = await vault.teamDays.bySlot(Number(row.team_day));
  if (wrapped === undefined || wrapped === null || teamDay === null) {
    throw new AuditError(
      'vault_inconsistent',
      `the key of ${requestId} ${direction} is missing: restore the key files`,
    );
  }
  const key = unwrapPayloadKey(teamDay, { slot, requestId, direction }, wrapped);
  const ciphertext = await vault.bodies.read(row.object, {
    offset: row.object_offset,
    bytes: row.object_bytes,
  });
  const digest = row.digest.toString('hex');
  return {
    direction,
    contentType: row.content_type,
    bodyBytes: Number(row.body_bytes),
    truncated: row.kept_bytes < Number(row.body_bytes),
    digest,
    body: decryptPayload({ requestId, direction, digest }, key, ciphertext),
  };
}
