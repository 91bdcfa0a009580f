import path from 'node:path';
import { openPool, type Pool } from '@tollgate/database';
import { createHttpService, createTokenVerifier, type HttpService } from '@tollgate/http';
import { BatchSealer, type PayloadFacts, readSealingKey } from '@tollgate/payload-sealing';
import { createLogger, createMetrics, type Metrics } from '@tollgate/telemetry';
import { recordReadings } from '../search/readings.ts';
import { openVault, type VaultConfig } from '../vault/open-vault.ts';
import { vaultRoutes } from '../vault/routes/vault-routes.ts';
import { vaultMetrics } from '../vault/vault-metrics.ts';
import type { VaultParts } from '../vault/vault-parts.ts';
import { type TestGrant, TestTokens } from './test-tokens.ts';

type Sealed = Partial<Omit<PayloadFacts, 'kept_bytes' | 'digest'>> & { readonly body: string };

/** A vault of a test's own, with its API and a clock that stands still. */
export interface VaultStand {
  vault: VaultParts;
  readonly http: HttpService;
  readonly metrics: Metrics;
  readonly pool: Pool;
  readonly folder: string;
  nowMs: number;
  /** Seals bodies as a gateway does. */
  seal(payloads: readonly Sealed[]): Buffer;
  /** Hands a batch in. @returns the answer's status */
  send(batch: Buffer): Promise<number>;
  /** A token, of a person of security unless told otherwise. */
  token(grant: TestGrant): string;
  call(
    method: 'GET' | 'POST',
    url: string,
    token: string,
    body?: object,
  ): Promise<{ status: number; json: Answer }>;
  /** Admin events that wait in the outbox: action, outcome and reason. */
  actions(): Promise<string[]>;
  close(): Promise<void>;
}

type Answer = Readonly<Record<string, unknown>>;

export function requestId(nth: number): string {
  return `0190a000-0000-7000-8000-${String(nth).padStart(12, '0')}`;
}

/** @param folder the vault's; what lies there already is taken over */
export async function openVaultStand(
  databaseUrl: string,
  folder: string,
  settings: Partial<VaultConfig> = {},
): Promise<VaultStand> {
  const pool = openPool({ url: databaseUrl, applicationName: 'vault-test' });
  const logger = createLogger({ service: 'audit', level: 'silent' });
  const metrics = createMetrics();
  const tokens = new TestTokens();
  const clock = { nowMs: Date.parse('2026-11-21T12:00:00Z') };
  const now = () => clock.nowMs;
  const vault = await openVault(
    {
      folder,
      masterKey: { file: path.join(folder, 'master.key') },
      ledgerFile: path.join(folder, 'erasures.ndjson'),
      retentionDays: 365,
      revealNeedsApproval: false,
      verifyFolders: [folder],
      ...settings,
    },
    { pool, now, logger, observer: vaultMetrics(metrics, { pool, now }) },
  );
  const http = createHttpService({
    name: 'audit',
    logger,
    metrics,
    verifier: createTokenVerifier({ view: tokens.view, now }),
    routes: vaultRoutes(vault, recordReadings(pool, now)),
  });
  const stand: VaultStand = {
    vault,
    metrics,
    http,
    pool,
    folder,
    get nowMs() {
      return clock.nowMs;
    },
    set nowMs(value) {
      clock.nowMs = value;
    },
    seal(payloads) {
      const sealer = new BatchSealer(readSealingKey(vault.sealing.current().publicKey));
      for (const { body, ...facts } of payloads) {
        const bytes = Buffer.from(body);
        sealer.add({ ...factsOf(clock.nowMs), body_bytes: bytes.length, ...facts }, bytes);
      }
      return Buffer.concat([sealer.header, ...(sealer.seal()?.parts ?? [])]);
    },
    async send(batch) {
      const gateway = stand.token({ id: 'gateway', type: 'service', scopes: ['payloads:store'] });
      const response = await http.inject({
        method: 'POST',
        url: '/v1/payloads/batches',
        headers: { authorization: `Bearer ${gateway}`, 'content-type': 'application/octet-stream' },
        payload: batch,
      });
      return response.statusCode;
    },
    token: (grant) => tokens.make({ id: 'security-1', type: 'user', ...grant }),
    async call(method, url, token, body) {
      const response = await http.inject({
        method,
        url,
        headers: { authorization: `Bearer ${token}` },
        ...(body === undefined ? {} : { payload: body }),
      });
      return { status: response.statusCode, json: response.json() };
    },
    async actions() {
      const { rows } = await pool.query<{ draft: string }>('SELECT draft FROM outbox ORDER BY id');
      return rows.map(({ draft }) => {
        const { action, outcome, reason } = JSON.parse(draft).data;
        return `${action} ${outcome} ${reason}`;
      });
    },
    async close() {
      await http.stop();
      await pool.end();
    },
  };
  return stand;
}

function factsOf(nowMs: number): Omit<PayloadFacts, 'kept_bytes' | 'digest' | 'body_bytes'> {
  return {
    request_id: requestId(1),
    direction: 'request',
    organisation_id: 'org_1',
    team_id: 'team_1',
    principal_type: 'user',
    principal_id: 'user_1',
    end_user: null,
    requested_at: new Date(nowMs - 60_000).toISOString(),
    retain_until: null,
    content_type: 'application/json',
    truncated: false,
  };
}
