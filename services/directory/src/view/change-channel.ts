import type { Transaction } from '@tollgate/database';
import type { DirectoryEntity } from '@tollgate/events';
import type { EntityKind } from '../entities/entity-kind.ts';
import { ENTITY_KINDS } from '../entities/index.ts';

/** Where replicas tell each other which entity has changed. */
export const CHANGE_CHANNEL = 'directory_change';

export type ChangeNotice = {
  readonly kind: EntityKind;
  readonly id: string;
  readonly version: number;
  readonly deleted: boolean;
};

/** Delivered with the commit. */
export async function notifyChange(tx: Transaction, entity: DirectoryEntity): Promise<void> {
  const payload = [entity.kind, entity.id, entity.version, entity.deleted ? 'deleted' : 'current'].join('/');
  await tx.query('SELECT pg_notify($1, $2)', [CHANGE_CHANNEL, payload]);
}

/** Undefined for what this release can't read: a newer replica's kind. */
export function readNotice(payload: string): ChangeNotice | undefined {
  const [kindName, id, version, state] = payload.split('/');
  const kind = ENTITY_KINDS.find((each) => each.kind === kindName);
  if (kind === undefined || id === undefined) return undefined;
  return { kind, id, version: Number(version), deleted: state === 'deleted' };
}
