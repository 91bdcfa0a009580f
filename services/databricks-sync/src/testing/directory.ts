import type { Publisher } from '@tollgate/bus';
import { type AccessToken, type Role, serializeEvent } from '@tollgate/events';
import { hashCredential } from '@tollgate/http';
import { countingUuid } from './events.ts';

/** Publishes tokens `tgs_<name>` as the directory does, with a heartbeat. */
export async function publishTokens(
  publisher: Publisher,
  tokens: readonly { readonly name: string; readonly role: Role; readonly change?: Partial<AccessToken> }[],
): Promise<void> {
  const source = '/services/directory/e1';
  const time = new Date().toISOString();
  await publisher.publish([
    ...tokens.map(({ name, role, change }, nth) => {
      const entity: AccessToken = {
        kind: 'access-token',
        id: `tok_${name}`,
        version: 1,
        deleted: false,
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
      const key = `access-token/${entity.id}`;
      const draft = {
        type: 'tollgate.directory.v1',
        id: countingUuid(nth, 9),
        subject: key,
        time,
        data: { entity },
      } as const;
      return { topic: 'directory' as const, key, value: serializeEvent(draft, source, nth + 1) };
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
