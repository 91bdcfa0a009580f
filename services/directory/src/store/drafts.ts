import { type DirectoryEntity, directoryEntity, type EventDraft } from '@tollgate/events';
import type { Principal } from '@tollgate/http';
import type { EntityKind } from '../entities/entity-kind.ts';
import type { Row } from './entity-table.ts';

/** What was done, or tried. */
export type AdminAct = {
  /** `<noun>.<verb>`. */
  readonly action: string;
  /** `<kind>/<id>`. */
  readonly target: string;
  readonly organisationId: string | null;
  readonly details: Readonly<Record<string, unknown>>;
  readonly reason?: string;
  /** Given where it was refused. */
  readonly refusedWith?: string;
};

/** The entity that a row is, as it is published. Checked, so that no follower is sent what it can't read. */
export function entityOf(kind: EntityKind, row: Row, deleted: boolean): DirectoryEntity {
  const members = Object.fromEntries(kind.members.map((member) => [member, row[member] ?? null]));
  return directoryEntity.parse({ kind: kind.kind, id: row.id, version: row.version, deleted, ...members });
}

export function entityDraft(eventId: string, at: string, entity: DirectoryEntity): EventDraft {
  return {
    type: 'tollgate.directory.v1',
    id: eventId,
    subject: `${entity.kind}/${entity.id}`,
    time: at,
    data: { entity },
  };
}

export function adminDraft(
  eventId: string,
  at: string,
  actor: Principal | 'system',
  act: AdminAct,
): EventDraft {
  return {
    type: 'tollgate.admin.v1',
    id: eventId,
    subject: act.target,
    time: at,
    data: {
      actor: actor === 'system' ? { type: 'system', id: 'directory' } : { type: actor.type, id: actor.id },
      organisation_id: act.organisationId,
      action: act.action,
      target: act.target,
      outcome: act.refusedWith === undefined ? 'done' : 'refused',
      code: act.refusedWith ?? null,
      reason: act.reason ?? null,
      details: { ...act.details },
    },
  };
}
