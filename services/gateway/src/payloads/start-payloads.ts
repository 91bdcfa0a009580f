import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, ServiceClient, type Stoppable } from '@tollgate/http';
import { readSealingKey } from '@tollgate/payload-sealing';
import type { Logger, Metrics } from '@tollgate/telemetry';
import type { Policy } from '../policy/policy.ts';
import { PayloadSpool } from './payload-spool.ts';
import { Payloads } from './payloads.ts';
import { PayloadSender } from './sender.ts';
import { VaultKey } from './vault-key.ts';

/** How long the vault may take over a batch, in milliseconds. */
const VAULT_TIMEOUT_MS = 30_000;

/** A spool that is fuller fails readiness where payloads are required. */
const FULL_SHARE = 0.9;

export interface PayloadSettings {
  readonly folder: string;
  readonly maxSpoolBytes: number;
  readonly maxBytes: number;
  /** The vault's public key; null: the vault is asked for it. */
  readonly sealingKey: string | null;
}

export interface StartedPayloads extends Stoppable {
  readonly payloads: Payloads;
  troubles(): string[];
}

/**
 * Starts what keeps and sends bodies: idle, but for a look twice a second, where no route asks for it. Null where there
 * is no vault to send to.
 *
 * @throws ConfigError where the policy asks for one
 */
export function startPayloads(parts: {
  readonly settings: PayloadSettings;
  /** Where the vault is, and the gateway's token for it. */
  readonly auditUrl: string | null;
  readonly token: string | null;
  readonly policy: () => Pick<Policy, 'payloads'>;
  readonly metrics: Metrics;
  readonly log: Logger;
  /** How long the spool is still sent when the gateway stops. */
  readonly stopMs: number;
}): StartedPayloads | null {
  const { settings, auditUrl, token, policy, metrics, log } = parts;
  if (auditUrl === null || token === null) {
    if (policy().payloads === 'none') return null;
    throw new ConfigError(
      'TOLLGATE_AUDIT_URL',
      'is not set, but the policy keeps payloads, and the vault is part of the audit service: set it and TOLLGATE_TOKEN',
    );
  }
  const client = new ServiceClient({ baseUrl: auditUrl, token, timeoutMs: VAULT_TIMEOUT_MS });
  const wanted = () => policy().payloads !== 'none';
  mkdirSync(settings.folder, { recursive: true, mode: 0o700 });
  const pinned = settings.sealingKey === null ? null : readSealingKey(settings.sealingKey);
  const key =
    pinned === null
      ? new VaultKey({ client, file: join(settings.folder, 'vault-key'), log, wanted })
      : { get: () => pinned, stop: () => {} };
  const spool = new PayloadSpool({
    folder: settings.folder,
    maxBytes: settings.maxSpoolBytes,
    log,
    onBatch: () => sender.wake(),
  });
  const sender = new PayloadSender({ spool, client, log });
  const counted = metrics.counter({
    name: 'tollgate_gateway_payloads_total',
    help: 'Bodies for the payload vault: kept, kept in part, or lost because the spool had no room or no key',
    labels: ['direction', 'outcome'],
  });
  metrics.gauge({
    name: 'tollgate_gateway_payload_spool_bytes',
    help: 'Bytes of sealed payloads that wait for the vault',
    collect: (gauge) => gauge.set(spool.bytes),
  });
  return {
    payloads: new Payloads({
      spool,
      key: () => key.get(),
      maxBytes: settings.maxBytes,
      count: (direction, outcome) => counted.inc({ direction, outcome }),
    }),
    troubles() {
      if (policy().payloads !== 'required') return [];
      return [
        ...(key.get() === null ? ["the payload vault's key is not known yet"] : []),
        ...(spool.failed ? ['payloads can not be written'] : []),
        ...(spool.bytes > settings.maxSpoolBytes * FULL_SHARE
          ? [`the payload spool is nearly full: ${sender.trouble() ?? 'the vault is too slow'}`]
          : []),
      ];
    },
    async stop() {
      key.stop();
      await sender.stop(parts.stopMs);
    },
  };
}
