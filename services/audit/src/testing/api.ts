import { createHttpService, createTokenVerifier, type HttpService } from '@tollgate/http';
import { createLogger, createMetrics } from '@tollgate/telemetry';
import { archiveRoutes } from '../archive/routes.ts';
import { completenessRoutes } from '../completeness/routes.ts';
import { evidenceRoutes } from '../evidence/routes.ts';
import { exportRoutes } from '../exports/routes.ts';
import { recordReadings } from '../search/readings.ts';
import { searchRoutes } from '../search/routes.ts';
import { lossRoutes } from '../sources/loss-routes.ts';
import { sourceRoutes } from '../sources/routes.ts';
import { proofRoutes } from '../tree/proof-routes.ts';
import { treeRoutes } from '../tree/routes.ts';
import type { Stand } from './stand.ts';
import { type TestGrant, TestTokens } from './test-tokens.ts';

export interface TestApi {
  readonly http: HttpService;
  /** Makes a token with a role, and gives what to send. */
  token(grant: TestGrant): string;
  post(url: string, token: string, body: object): Promise<{ status: number; json: unknown }>;
  get(
    url: string,
    token: string,
    accept?: string,
  ): Promise<{
    status: number;
    headers: Readonly<Record<string, unknown>>;
    text: string;
    bytes: Buffer;
    json: () => unknown;
  }>;
}

/** When something counts as missing, lost or unsettled. */
export const TEST_RULE = {
  gapGraceMs: 30_000,
  sourceLostAfterMs: 30_000,
  unsettledAfterMs: 900_000,
  payloadGraceMs: 300_000,
};

/** The service's API on a stand, with a directory of the test's own. */
export function testApi(stand: Stand): TestApi {
  const tokens = new TestTokens();
  const { pool, store, tiles, signers } = stand;
  const now = () => stand.nowMs;
  const record = recordReadings(pool, now);
  const http = createHttpService({
    name: 'audit',
    logger: createLogger({ service: 'audit', level: 'silent' }),
    metrics: createMetrics(),
    verifier: createTokenVerifier({ view: tokens.view, now }),
    routes: [
      ...searchRoutes({ pool, store, record }),
      ...proofRoutes({ pool, store, tiles, record }),
      ...treeRoutes({ pool, tiles, signers }),
      ...archiveRoutes({ pool, store, record }),
      ...exportRoutes({ pool, store, record }),
      ...sourceRoutes({ pool, now, ...TEST_RULE }),
      ...lossRoutes({ pool, now, ...TEST_RULE }),
      ...completenessRoutes({ pool, store, signers, now, ...TEST_RULE }),
      ...evidenceRoutes({ pool, store, tiles, signers, now, record, ...TEST_RULE }),
    ],
  });
  return {
    http,
    token: (grant) => tokens.make(grant),
    async post(url, token, payload) {
      const headers = { authorization: `Bearer ${token}` };
      const response = await http.inject({ method: 'POST', url, headers, payload });
      return { status: response.statusCode, json: response.json() };
    },
    async get(url, token, accept) {
      const response = await http.inject({
        method: 'GET',
        url,
        headers: { authorization: `Bearer ${token}`, ...(accept === undefined ? {} : { accept }) },
      });
      return {
        status: response.statusCode,
        headers: response.headers,
        text: response.payload,
        bytes: response.rawPayload,
        json: () => response.json(),
      };
    },
  };
}
