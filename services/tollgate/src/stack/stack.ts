import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type EmbeddedPostgres, freePort, startEmbeddedPostgres } from '@tollgate/database/embedded';
import { DirectoryClient } from '@tollgate/directory';
import type { Logger } from '@tollgate/telemetry';
import { bootstrapTokenFile, gatewayTokenFile, type PartName, SERVICES } from './environment.ts';
import { makeGatewayToken } from './gateway-token.ts';
import { importListPrices } from './list-prices.ts';
import { serviceCommands } from './service-commands.ts';
import { migrateSchemas } from './service-databases.ts';
import { ServiceProcess } from './service-process.ts';
import { openEmbedded, openKafka, type StackBus, type StackBusChoice } from './stack-bus.ts';

export interface StackOptions {
  /** Everything the stack keeps goes here; made if missing. The caller removes it after `stop`. */
  readonly folder: string;
  /** A Kafka of its own on this machine's Java unless given. */
  readonly bus?: StackBusChoice;
  /** The gateway's policy file, given where the simulated upstream is; one target of it unless given. */
  readonly policyConfig?: (upstreamUrl: string) => string;
  /** How long the simulated upstream waits before each answer; 0 unless given. */
  readonly upstreamLatencyMs?: number;
  readonly logger: Logger;
  /** Told before each step, for a person who waits. */
  readonly onStep?: (step: string) => void;
}

/** A whole Tollgate: broker, Postgres, and every service as a process of its own. */
export interface Stack {
  readonly gatewayUrl: string;
  readonly directoryUrl: string;
  readonly auditUrl: string;
  readonly chargebackUrl: string;
  readonly budgetsUrl: string;
  readonly databricksSyncUrl: string;
  /** A token of the role platform. */
  readonly token: string;
  readonly bus: StackBus;
  readonly postgres: EmbeddedPostgres;
  readonly services: Readonly<Record<PartName, ServiceProcess>>;
  stop(): Promise<void>;
}

/** The model that the stack's policy serves. */
export const STACK_MODEL = 'databricks-meta-llama-3-3-70b-instruct';

const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 25_000;
/** In the order in which they start; they stop the other way round, so that what is in flight arrives. */
const START_ORDER = ['simulated-databricks', ...SERVICES] as const;

/**
 * Brings up a stack on free ports and waits until every service is ready.
 *
 * @throws StackError, BusError or DatabaseError; what had been started by then is stopped
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { folder, logger, onStep = () => {}, bus: choice = { kind: 'kafka' } } = options;
  const started: { stop(): Promise<unknown> }[] = [];
  const stop = async () => {
    for (const part of started.toReversed()) await part.stop();
  };
  try {
    mkdirSync(join(folder, 'logs'), { recursive: true, mode: 0o700 });
    // The embedded Postgres runs as another account where this one is root: it has to pass through.
    if (process.getuid?.() === 0) chmodSync(folder, 0o711);

    onStep('starting Postgres');
    const postgres = await startEmbeddedPostgres({ dataFolder: join(folder, 'postgres'), logger });
    started.push(postgres);
    const databaseUrls = await migrateSchemas(postgres.url, logger);

    onStep(choice.kind === 'kafka' && choice.brokers === undefined ? 'starting Kafka' : 'preparing the bus');
    const bus =
      choice.kind === 'kafka'
        ? await openKafka(choice.brokers, folder, logger)
        : await openEmbedded(postgres.url, Object.keys(databaseUrls), logger);
    if (bus.kafka) started.push(bus.kafka);

    onStep('starting the services');
    const ports = await servicePorts();
    writeFileSync(
      join(folder, 'policy-config.yaml'),
      (options.policyConfig ?? onlyTheSimulated)(
        `http://127.0.0.1:${ports['simulated-databricks']}/serving-endpoints`,
      ),
    );
    const commands = serviceCommands({
      folder,
      ports,
      bus,
      databaseUrls,
      latencyMs: options.upstreamLatencyMs ?? 0,
    });
    const services = Object.fromEntries(
      START_ORDER.map((name) => [
        name,
        new ServiceProcess({
          name,
          ...commands[name],
          logFile: join(folder, 'logs', `${name}.log`),
          url: `http://127.0.0.1:${ports[name]}`,
          readyTimeoutMs: READY_TIMEOUT_MS,
          stopTimeoutMs: STOP_TIMEOUT_MS,
        }),
      ]),
    ) as Record<PartName, ServiceProcess>;
    for (const name of START_ORDER) started.push(services[name]);
    await services.directory.start();
    const token = readFileSync(bootstrapTokenFile(folder), 'utf8').trim();
    const directory = new DirectoryClient({ baseUrl: services.directory.url, token });
    writeFileSync(gatewayTokenFile(folder), await makeGatewayToken(directory), { mode: 0o600 });
    await Promise.all(
      START_ORDER.filter((name) => name !== 'directory').map((name) => services[name].start()),
    );
    const addresses = {
      gatewayUrl: services.gateway.url,
      directoryUrl: services.directory.url,
      auditUrl: services.audit.url,
      chargebackUrl: services.chargeback.url,
      budgetsUrl: services.budgets.url,
      databricksSyncUrl: services['databricks-sync'].url,
      token,
    };
    await priceByLists(directory, addresses.chargebackUrl);
    return {
      ...addresses,
      bus,
      postgres,
      services,
      stop,
    };
  } catch (error) {
    await stop().catch((stopError: unknown) =>
      logger.warn({ err: stopError }, 'the stack did not stop in order'),
    );
    throw error;
  }
}

async function servicePorts(): Promise<Record<PartName, number>> {
  const ports: Partial<Record<PartName, number>> = {};
  for (const name of START_ORDER) ports[name] = await freePort();
  return ports as Record<PartName, number>;
}

/** The role platform may not set prices itself, but give somebody the right to. */
async function priceByLists(directory: DirectoryClient, chargebackUrl: string): Promise<void> {
  const finance = await directory.accessTokens.create({
    principal_type: 'service',
    principal_id: 'stack',
    name: 'list prices',
    scopes: ['prices:write'],
  });
  await importListPrices({ chargebackUrl, token: finance.secret });
}

function onlyTheSimulated(upstreamUrl: string): string {
  return `pack:
  name: replay
  version: 1.0.0
  enabled: true
providers:
  targets:
    - id: simulated
      provider: databricks:chat:${STACK_MODEL}
      base_url: ${upstreamUrl}
      secret_key_ref:
        env: DATABRICKS_TOKEN
policies:
  chain:
    - audit-logger
policy:
  audit-logger:
    immutable: true
    retention_days: 365
    log_all_access: true
`;
}
