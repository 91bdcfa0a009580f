import { enqueue } from '@tollgate/bus';
import type { Transaction } from '@tollgate/database';
import { uuidV7 } from '@tollgate/events';
import type { Principal } from '@tollgate/http';

/** Who does something in the vault. */
export interface Actor {
  readonly type: 'user' | 'service' | 'key' | 'system';
  readonly id: string;
  readonly organisationId: string | null;
}

/** The service itself: its retention, and what it does again after a restore. */
export const VAULT: Actor = { type: 'system', id: 'payload-vault', organisationId: null };

export function actorOf({ type, id, organisationId }: Principal): Actor {
  return { type, id, organisationId };
}

/** As the vault's tables name one. */
export function nameOf({ type, id }: Actor): string {
  return `${type}:${id}`;
}

export interface VaultAction {
  readonly actor: Actor;
  readonly action:
    | 'payload-hold.place'
    | 'payload-hold.release'
    | 'payload.erase'
    | 'payload.erase-again'
    | 'payload.expire'
    | 'payload-reveal.ask'
    | 'payload-reveal.approve'
    | 'payload.reveal'
    | 'payload-key.rotate';
  readonly target: string;
  readonly organisationId?: string | null;
  /** The code of a refusal; done unless given. */
  readonly refusedWith?: string;
  readonly reason: string | null;
  /** Ids, counts and instants: never a byte of a payload or a key. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Writes an action into the audit trail, in the transaction that does it. */
export async function recordAction(tx: Transaction, nowMs: number, action: VaultAction): Promise<void> {
  const { actor, target, refusedWith } = action;
  await enqueue(tx, [
    {
      key: target,
      draft: {
        type: 'tollgate.admin.v1',
        id: uuidV7(nowMs),
        subject: target,
        time: new Date(nowMs).toISOString(),
        data: {
          actor: { type: actor.type, id: actor.id },
          organisation_id: action.organisationId ?? actor.organisationId,
          action: action.action,
          target,
          outcome: refusedWith === undefined ? 'done' : 'refused',
          code: refusedWith ?? null,
          reason: action.reason,
          details: { ...action.details },
        },
      },
    },
  ]);
}
