import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bus, createKafkaBus, initTopics, type KafkaConfig, type Publisher } from '@tollgate/bus';
import { type DirectoryEntity, serializeEvent } from '@tollgate/events';
import { hashCredential } from '@tollgate/http';
import type { Logger } from '@tollgate/telemetry';
import { until } from '@tollgate/testing';
import { type PinnedProcess, startPinned } from './pinned-process.ts';

/** The model of each durability level. */
export const MODELS = { relaxed: 'bench-relaxed', disk: 'bench-disk', broker: 'bench-broker' } as const;

export const KEY = 'tgk_benchmark';

const HEARTBEAT_MS = 1000;
const TOPICS_TIMEOUT_MS = 30_000;
const TOLLGATE = new URL('../../services/tollgate/src/main.ts', import.meta.url).pathname;

export interface GatewayProcessOptions {
  readonly folder: string;
  readonly port: number;
  readonly core: number | null;
  readonly upstreamUrl: string;
  readonly upstreamToken: string;
  readonly kafka: KafkaConfig;
  readonly logger: Logger;
  /** Further arguments for Node, such as `--cpu-prof`. */
  readonly nodeArgs: readonly string[];
  /** The chain and its policies, in the words of policy-config.yaml. */
  readonly policies?: BenchPolicies;
  /** Where both bodies of each call have to go; nothing is kept unless given. */
  readonly vaultUrl?: string;
}

export interface BenchPolicies {
  readonly chain: readonly string[];
  readonly policy: Readonly<Record<string, unknown>>;
}

const RECORDING_ONLY: BenchPolicies = {
  chain: ['audit-logger'],
  policy: { 'audit-logger': { immutable: true, retention_days: 365 } },
};

/** A gateway as it is deployed, with its publisher on a real Kafka, and a directory that consists of one key. */
export async function startGatewayProcess(options: GatewayProcessOptions): Promise<PinnedProcess> {
  const { folder, kafka, port } = options;
  mkdirSync(folder, { recursive: true });
  const policyFile = join(folder, 'policy-config.yaml');
  writeFileSync(policyFile, policyConfig(options));
  await initTopics(kafka, { replicationFactor: 1, minInsyncReplicas: 1, logger: options.logger });
  const directory = await startDirectory(kafka, options.logger);
  try {
    const gateway = await startPinned({
      args: [
        ...options.nodeArgs,
        TOLLGATE,
        'gateway',
        'run',
        '--listen',
        `127.0.0.1:${port}`,
        '--policy-config',
        policyFile,
      ],
      env: {
        KAFKA_BROKERS: kafka.brokers.join(','),
        TOLLGATE_TOPIC_PREFIX: kafka.topicPrefix,
        GATEWAY_SPOOL_FOLDER: join(folder, 'spool'),
        BENCH_UPSTREAM_TOKEN: options.upstreamToken,
        ...(options.vaultUrl === undefined
          ? {}
          : { TOLLGATE_AUDIT_URL: options.vaultUrl, TOLLGATE_TOKEN: 'tgs_benchmark' }),
        LOG_LEVEL: 'warn',
      },
      core: options.core,
      readyUrl: `http://127.0.0.1:${port}/readyz`,
    });
    return {
      pid: gateway.pid,
      async stop() {
        await gateway.stop();
        await directory.stop();
      },
    };
  } catch (error) {
    await directory.stop();
    throw error;
  }
}

function policyConfig({ upstreamUrl, policies, vaultUrl }: GatewayProcessOptions): string {
  const { chain, policy } = policies ?? RECORDING_ONLY;
  const targets = Object.entries(MODELS).map(([durability, model]) => ({
    id: durability,
    provider: `databricks:chat:${model}`,
    base_url: upstreamUrl,
    secret_key_ref: { env: 'BENCH_UPSTREAM_TOKEN' },
    durability,
  }));
  // JSON is YAML.
  return JSON.stringify({
    pack: { name: 'bench', version: '1.0.0', enabled: true },
    providers: { targets },
    payloads: vaultUrl === undefined ? 'none' : 'required',
    policies: { chain },
    policy,
  });
}

/** Publishes one key, and a heartbeat every second. */
async function startDirectory(kafka: KafkaConfig, logger: Logger): Promise<{ stop(): Promise<void> }> {
  const bus: Bus = createKafkaBus(kafka, { logger });
  const publisher: Publisher = await bus.createPublisher();
  const source = `/services/directory/${randomUUID()}`;
  const key: DirectoryEntity = {
    kind: 'api-key',
    id: 'key_bench',
    version: 1,
    deleted: false,
    organisation_id: 'org_bench',
    team_id: 'team_bench',
    project_id: null,
    cost_centre_id: 'cc_bench',
    principal_type: 'service',
    principal_id: 'sp_bench',
    name: 'bench',
    sha256: hashCredential(KEY),
    tags: {},
    expires_at: null,
  };
  const draft = () => ({ id: randomUUID(), time: new Date().toISOString() });
  const entity = serializeEvent(
    { ...draft(), subject: `api-key/${key.id}`, type: 'tollgate.directory.v1', data: { entity: key } },
    source,
    1,
  );
  const message = { topic: 'directory', key: `api-key/${key.id}`, value: entity } as const;
  // Partitions of a new topic may not have leaders yet.
  await until(() => publisher.publish([message]).then(() => true), { timeoutMs: TOPICS_TIMEOUT_MS });
  const beat = async () => {
    const at = new Date().toISOString();
    const value = serializeEvent(
      { ...draft(), subject: source, type: 'tollgate.directory.heartbeat.v1', data: { at } },
      source,
      null,
    );
    await publisher.publish([{ topic: 'directory', key: 'heartbeat', value }]);
  };
  await beat();
  let beating = Promise.resolve();
  const timer = setInterval(() => {
    beating = beating.then(beat).catch((error: unknown) => logger.warn({ err: error }, 'no heartbeat'));
  }, HEARTBEAT_MS);
  return {
    async stop() {
      clearInterval(timer);
      await beating;
      await publisher.close();
      await bus.close();
    },
  };
}
