import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseError } from '@tollgate/database';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '@tollgate/database/embedded';
import { type Stoppable, stopInOrder } from '@tollgate/http';
import { createSimulatedDatabricks } from '@tollgate/simulated-databricks';
import { createLogger, type Logger } from '@tollgate/telemetry';
import { byService, SERVICES, type ServiceName, serviceEnvironment } from '../stack/environment.ts';
import { migrateSchemas } from '../stack/service-databases.ts';
import { openEmbedded } from '../stack/stack-bus.ts';
import type { StartConfig } from './config.ts';
import { type Connection, isRunning, readConnection, writeConnection } from './connection.ts';
import { writeDefaultPolicy } from './default-policy.ts';
import { StartError } from './errors.ts';
import { ensureDemo, ensureTokens, servedModel, someLimit } from './first-start.ts';
import { type Home, prepareHome } from './home.ts';
import type { LogFile } from './log-file.ts';
import { type Addresses, assertFree, chooseAddresses, textOf, urlOf } from './ports.ts';
import { guardPostgres } from './postgres-guard.ts';
import { loadServices, startService } from './services.ts';
import type { Terminal } from './terminal.ts';
import { untilReady } from './until-ready.ts';

/** A whole Tollgate in this process. */
export interface Installation extends Stoppable {
  /** By part. */
  readonly urls: Readonly<Record<string, string>>;
  /** Of a limit to look at; null where there is none. */
  readonly limitId: string | null;
  /** What a first request asks for; null where the policy serves nothing to the demo key. */
  readonly model: string | null;
}

export interface InstallationOptions {
  readonly config: StartConfig;
  readonly terminal: Terminal;
  readonly log: LogFile;
  /** Aborted when whoever started it has had enough. */
  readonly signal: AbortSignal;
  /** Ends the process in order: for what can't be recovered from within. */
  readonly fail: (error: unknown) => void;
  /** Given what makes Postgres end without being waited for. */
  readonly onPostgres: (end: () => void) => void;
}

const UPSTREAM_TOKEN_BYTES = 18;
/** Of calls in flight and what they leave to publish; the rest is published at the next start. */
const GATEWAY_STOP_SECONDS = 2;
/** Of all services together, before Postgres is stopped all the same: every effect is in a transaction or a spool. */
const SERVICES_STOP_MS = 3_500;
/** Whether one that still runs is about to end shows within this time. */
const ENDING_MS = 2_000;
const ENDING_POLL_MS = 50;
/** How long services take to find Postgres again, and complain of it. */
const AFTER_LOSS_MS = 5_000;

/**
 * Starts everything: Postgres, schemas, bus, the simulated workspace unless a real one is set, and every service.
 *
 * @throws StartError, DatabaseError, ConfigError; what had been started by then is stopped
 */
export async function startInstallation(options: InstallationOptions): Promise<Installation> {
  const { config, terminal, signal } = options;
  const { home } = config;
  const started: Stoppable[] = [];
  try {
    const loading = loadServices();
    loading.catch(() => {});
    await assertNotRunning(home);
    const addresses = await chooseAddresses(config.ports);
    await assertFree(config.databricks === null ? addresses : { ...byService((name) => addresses[name]) });
    prepareHome(home);
    if (config.policyFile === null) writeDefaultPolicy(home.policy);

    const logger = createLogger({ service: 'tollgate', destination: options.log });
    const postgres = await terminal.step('Postgres', () => startPostgres(home, logger));
    started.push({
      async stop() {
        await postgres.stop();
        options.onPostgres(() => {});
      },
    });
    options.onPostgres(() => process.kill(postgres.pid, 'SIGINT'));
    const { bus, databaseUrls } = await terminal.step('schemas', async () => {
      const urls = await migrateSchemas(postgres.url, logger);
      return { databaseUrls: urls, bus: await openEmbedded(postgres.url, Object.keys(urls), logger) };
    });
    started.push(watch(postgres, logger, options));
    signal.throwIfAborted();

    const upstream = config.databricks ?? (await simulate(addresses, started));
    const environment = serviceEnvironment({
      folder: home.folder,
      addresses: byService((name) => textOf(addresses[name])),
      bus,
      databaseUrls,
      gateway: {
        instance: 'local',
        policyFile: config.policyFile ?? home.policy,
        tokenFile: home.gatewayToken,
      },
      upstream,
      ...(config.warehouse === null ? {} : { warehouse: config.warehouse }),
    });
    const urls = { ...byService((name) => urlOf(addresses[name])) };
    const services = new Map<ServiceName, Stoppable>();
    started.push({ stop: () => stopServices(services, logger) });
    const start = async (name: ServiceName) => {
      const env = {
        ...config.passedOn,
        ...environment[name],
        GATEWAY_STOP_DEADLINE_SECONDS: String(GATEWAY_STOP_SECONDS),
      };
      services.set(
        name,
        await startService(name, env, createLogger({ service: name, destination: options.log }), signal),
      );
      await untilReady(name, urls[name], signal);
    };
    const ownerToken = await terminal.step(
      'services',
      async () => {
        await loading;
        await start('directory');
        const token = await ensureTokens(home, urls.directory);
        await all(SERVICES.filter((name) => name !== 'directory').map(start));
        return token;
      },
      () => SERVICES.join(', '),
    );
    signal.throwIfAborted();
    const { limitId } = await terminal.step(
      'first steps',
      async () => {
        const made = await ensureDemo(home, urls, ownerToken);
        return { made, limitId: await someLimit(urls.budgets, ownerToken) };
      },
      ({ made }) => (made ? 'made an organisation, a team, a key, a limit; list prices' : 'all there'),
    );
    await writeConnection(home, urls);
    return {
      limitId,
      model: await servedModel(urls.gateway, home),
      urls:
        config.databricks === null
          ? { ...urls, 'simulated-databricks': urlOf(addresses['simulated-databricks']) }
          : urls,
      stop: () => stopInOrder(started).stop(),
    };
  } catch (error) {
    await stopInOrder(started)
      .stop()
      .catch(() => {});
    throw error;
  }
}

/** Waits for all, also when one has failed, so that nothing starts while what has started is being stopped. */
async function all(starts: readonly Promise<void>[]): Promise<void> {
  const results = await Promise.allSettled(starts);
  for (const result of results) if (result.status === 'rejected') throw result.reason;
}

async function assertNotRunning(home: Home): Promise<void> {
  const found = readConnection(home.folder);
  if (found === null) return;
  const deadlineMs = performance.now() + ENDING_MS;
  // It may have been told to end just now.
  while (await isRunning(found)) {
    if (performance.now() > deadlineMs) throw alreadyRunning(home, found);
    await sleep(ENDING_POLL_MS);
  }
}

function alreadyRunning(home: Home, found: Connection): StartError {
  return new StartError(
    'already-running',
    `the Tollgate of ${home.folder} runs already: process ${found.process.pid}, gateway at ${found.urls['gateway']}. End it with Ctrl-C where it runs (or kill ${found.process.pid}), or start another with --data-folder and --port-offset`,
  );
}

async function startPostgres(home: Home, logger: Logger): Promise<EmbeddedPostgres> {
  try {
    return await startEmbeddedPostgres({ dataFolder: home.postgres, logger });
  } catch (error) {
    if (!(error instanceof DatabaseError) || error.code !== 'embedded_in_use') throw error;
    throw new StartError(
      'already-running',
      `a Tollgate of ${home.folder} is starting or running: ${error.message}`,
      {
        cause: error,
      },
    );
  }
}

function watch(
  postgres: EmbeddedPostgres,
  logger: Logger,
  { terminal, fail }: InstallationOptions,
): Stoppable {
  return guardPostgres({
    postgres,
    logger,
    onLost() {
      terminal.quiet(true);
      logger.warn('Postgres ended; it is started again');
      terminal.line('  ! Postgres ended; starting it again');
    },
    onBack(afterMs) {
      logger.info({ after_ms: Math.round(afterMs) }, 'Postgres is back');
      terminal.line(`  ✓ Postgres is back after ${(afterMs / 1000).toFixed(1)} s; nothing is lost`);
      void sleep(AFTER_LOSS_MS, undefined, { ref: false }).then(() => terminal.quiet(false));
    },
    onGivenUp(error) {
      const why = error instanceof Error ? error.message : String(error);
      fail(
        new StartError('postgres-lost', `Postgres ended and does not start again: ${why}`, { cause: error }),
      );
    },
  });
}

/** A workspace in this process, which lets in the gateway alone. */
async function simulate(addresses: Addresses, started: Stoppable[]): Promise<Record<string, string>> {
  const token = randomBytes(UPSTREAM_TOKEN_BYTES).toString('base64url');
  const workspace = createSimulatedDatabricks({ tokens: [token] });
  started.push({ stop: () => workspace.close() });
  const url = await workspace.listen(textOf(addresses['simulated-databricks']));
  return { DATABRICKS_HOST: url, DATABRICKS_TOKEN: token };
}

/** The gateway first, so that what it has still to say is taken in; the directory last, since all others follow it. */
async function stopServices(services: ReadonlyMap<ServiceName, Stoppable>, logger: Logger): Promise<void> {
  const late = sleep(SERVICES_STOP_MS, 'late' as const, { ref: false });
  const stop = async () => {
    const between = [...services.keys()].filter((name) => name !== 'gateway' && name !== 'directory');
    for (const group of [['gateway'], between, ['directory']] as ServiceName[][]) {
      const results = await Promise.allSettled(group.map((name) => services.get(name)?.stop()));
      for (const result of results) {
        if (result.status === 'rejected')
          logger.error({ err: result.reason }, 'a service did not stop in order');
      }
    }
  };
  if ((await Promise.race([stop(), late])) === 'late')
    logger.warn('services were still stopping when Postgres was stopped');
}
