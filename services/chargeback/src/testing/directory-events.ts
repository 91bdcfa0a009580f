import type { Publisher } from '@tollgate/bus';
import { type AccessToken, type DirectoryEntity, type Role, serializeEvent } from '@tollgate/events';
import { hashCredential } from '@tollgate/http';
import { countingUuid } from './usage-events.ts';

const BASE = { version: 1, deleted: false };

export function organisationEntity(id: string, timeZone: string): DirectoryEntity {
  return {
    ...BASE,
    kind: 'organisation',
    id,
    name: `Name of ${id}`,
    currency: 'USD',
    billing_time_zone: timeZone,
  };
}

export function teamEntity(id: string, organisationId: string): DirectoryEntity {
  return {
    ...BASE,
    kind: 'team',
    id,
    organisation_id: organisationId,
    name: `Name of ${id}`,
    cost_centre_id: null,
  };
}

/** A token `tgs_<name>` with one role. */
export function tokenEntity(name: string, role: Role, change: Partial<AccessToken> = {}): DirectoryEntity {
  return {
    ...BASE,
    kind: 'access-token',
    id: `tok_${name}`,
    organisation_id: null,
    principal_type: 'user',
    principal_id: `user_${name}`,
    name,
    sha256: hashCredential(`tgs_${name}`),
    roles: [role],
    scopes: [],
    team_id: null,
    expires_at: null,
    ...change,
  };
}

/** Publishes entities as the directory does, with a heartbeat. */
export async function publishDirectory(
  publisher: Publisher,
  entities: readonly DirectoryEntity[],
): Promise<void> {
  const source = '/services/directory/e1';
  const time = new Date().toISOString();
  await publisher.publish([
    ...entities.map((entity, nth) => {
      const key = `${entity.kind}/${entity.id}`;
      const value = serializeEvent(
        { type: 'tollgate.directory.v1', id: countingUuid(nth, 9), subject: key, time, data: { entity } },
        source,
        nth + 1,
      );
      return { topic: 'directory' as const, key, value };
    }),
    {
      topic: 'directory' as const,
      key: 'heartbeat',
      value: serializeEvent(
        {
          type: 'tollgate.directory.heartbeat.v1',
          id: countingUuid(0, 10),
          subject: 'directory',
          time,
          data: { at: time },
        },
        source,
        null,
      ),
    },
  ]);
}
