import { type AccessToken, directoryEntity, type Role } from '@tollgate/events';
import {
  createHttpService,
  createTokenVerifier,
  DirectoryView,
  type HttpService,
  hashCredential,
} from '@tollgate/http';
import { createLogger, createMetrics } from '@tollgate/telemetry';
import { archiveRoutes } from '../archive/routes.ts';
import { recordReadings } from '../search/readings.ts';
import { searchRoutes } from '../search/routes.ts';
import { sourceRoutes } from '../sources/routes.ts';
import type { Stand } from './stand.ts';

export interface TestApi {
  readonly http: HttpService;
  /** Makes a token with a role, and gives what to send. */
  token(grant: {
    readonly role?: Role;
    readonly scopes?: readonly string[];
    readonly teamId?: string;
    readonly organisationId?: string | null;
    readonly type?: AccessToken['principal_type'];
  }): string;
  get(url: string, token: string): Promise<{ status: number; text: string; json: () => unknown }>;
}

/** The service's API on a stand, with a directory of the test's own. */
export function testApi(stand: Stand): TestApi {
  const view = new DirectoryView();
  const { pool, store } = stand;
  const now = () => stand.nowMs;
  let tokens = 0;
  const http = createHttpService({
    name: 'audit',
    logger: createLogger({ service: 'audit', level: 'silent' }),
    metrics: createMetrics(),
    verifier: createTokenVerifier({ view, now }),
    routes: [
      ...searchRoutes({ pool, store, record: recordReadings(pool, now) }),
      ...archiveRoutes({ pool, store }),
      ...sourceRoutes({ pool, now, gapGraceMs: 30_000, sourceLostAfterMs: 30_000 }),
    ],
  });
  return {
    http,
    token({ role, scopes = [], teamId, organisationId = null, type = 'service' }) {
      tokens += 1;
      const secret = `tgs_test${tokens}`;
      view.applyEntity(
        directoryEntity.parse({
          kind: 'access-token',
          id: `tok_${tokens}`,
          version: 1,
          deleted: false,
          organisation_id: organisationId,
          principal_type: type,
          principal_id: `principal_${tokens}`,
          name: 'test',
          sha256: hashCredential(secret),
          roles: role === undefined ? [] : [role],
          scopes,
          team_id: teamId ?? null,
          expires_at: null,
        }),
      );
      return secret;
    },
    async get(url, token) {
      const response = await http.inject({
        method: 'GET',
        url,
        headers: { authorization: `Bearer ${token}` },
      });
      return { status: response.statusCode, text: response.payload, json: () => response.json() };
    },
  };
}
