import { type Bus, type BusConfig, busConfig, createBus, startOutboxRelay } from '@tollgate/bus';
import { isInfrastructureError, openPool, type Pool, waitForDatabase } from '@tollgate/database';
import { createLogger, createMetrics, type Logger, type LogLevel, type Metrics } from '@tollgate/telemetry';
import { createTokenVerifier } from '../access/token-verifier.ts';
import type { FollowedDirectory } from '../directory-view/follow-directory.ts';
import type { HealthCheck } from '../service/health.ts';
import { createHttpService, type HttpService, type ListenAddress } from '../service/http-service.ts';
import type { Route } from '../service/route.ts';
import { databaseUrl, listenAddress, logLevel, wholeNumber } from './config-values.ts';
import { type Environment, readConfig } from './read-config.ts';
import { runProcess, type Stoppable, stopInOrder } from './run-process.ts';

/** What every service with a schema of its own is configured with. */
export interface ServiceConfig {
  /** Under the service's own role. */
  readonly databaseUrl: string;
  /** How long a start waits for Postgres, in milliseconds. */
  readonly databaseWaitMs: number;
  readonly listen: ListenAddress;
  readonly logLevel: LogLevel;
  readonly bus: BusConfig;
}

const DEFAULT_DATABASE_WAIT_SECONDS = 60;
const MAX_DATABASE_WAIT_SECONDS = 3_600;

/** The variables of {@link ServiceConfig}, for a service's own zod schema. */
export const serviceVariables = (defaultPort: number) => ({
  DATABASE_URL: databaseUrl,
  /** How long a start waits for Postgres to be there; 0 for not at all. */
  DATABASE_WAIT_SECONDS: wholeNumber(0, MAX_DATABASE_WAIT_SECONDS).default(DEFAULT_DATABASE_WAIT_SECONDS),
  LISTEN: listenAddress.default({ host: '0.0.0.0', port: defaultPort }),
  LOG_LEVEL: logLevel.default('info'),
});

/** @throws ConfigError where the bus is not configured, or wrongly */
export function serviceConfigOf(
  values: {
    DATABASE_URL: string;
    DATABASE_WAIT_SECONDS: number;
    LISTEN: ListenAddress;
    LOG_LEVEL: LogLevel;
  },
  env: Environment,
): ServiceConfig {
  return {
    databaseUrl: values.DATABASE_URL,
    databaseWaitMs: values.DATABASE_WAIT_SECONDS * 1000,
    listen: values.LISTEN,
    logLevel: values.LOG_LEVEL,
    bus: readConfig(busConfig, env),
  };
}

/** What every such service is built from; who opened a part closes it, after the service has stopped. */
export interface ServiceParts {
  readonly pool: Pool;
  /** The same database, for connections of their own: listening, leading, the outbox. */
  readonly databaseUrl: string;
  readonly bus: Bus;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
}

/** A service that is built and consumes, but does not listen yet. */
export interface Service extends Stoppable {
  readonly http: HttpService;
  listen(address: ListenAddress): Promise<{ readonly url: string; readonly port: number }>;
}

/** A service that listens. */
export interface RunningService extends Stoppable {
  readonly url: string;
}

/** Starts a service from its environment. The signal ends a start that waits for Postgres; its reason is thrown. */
export type StartService = (
  env: Environment,
  logger: Logger,
  signal?: AbortSignal,
) => Promise<RunningService>;

const MAX_CONNECTIONS = 16;

/**
 * How a service starts from its configuration: once Postgres is there, pool, bus, the service itself, its port; they
 * stop the other way round.
 *
 * @param read throws ConfigError, one line that names the variable
 * @param create builds the service; it may own further parts, which it stops itself
 */
export function serviceStart<C extends ServiceConfig>(
  name: string,
  read: (env: Environment) => C,
  create: (parts: ServiceParts & C) => Promise<Service>,
): StartService {
  return async (env, logger, signal) => {
    const config = read(env);
    logger.level = config.logLevel;
    const connection = { url: config.databaseUrl, applicationName: `tollgate-${name}` };
    await waitForDatabase({
      ...connection,
      timeoutMs: config.databaseWaitMs,
      logger,
      ...(signal === undefined ? {} : { signal }),
    });
    const metrics = createMetrics({ processMetrics: true });
    const pool = openPool({
      ...connection,
      maxConnections: MAX_CONNECTIONS,
      logger,
    });
    const started: Stoppable[] = [{ stop: () => pool.end() }];
    try {
      const bus = createBus(config.bus, { logger, metrics, clientId: `tollgate-${name}` });
      started.push({ stop: () => bus.close() });
      const service = await create({ ...config, pool, bus, logger, metrics });
      started.push(service);
      const { url } = await service.listen(config.listen);
      logger.info({ url }, `${name} serves`);
      return { url, stop: () => stopInOrder(started).stop() };
    } catch (error) {
      await stopInOrder(started).stop();
      throw error;
    }
  };
}

/** `tollgate <name> run`: a service as a process of its own, until it is told to stop. */
export async function runService(
  name: string,
  start: StartService,
  env: Environment = process.env,
): Promise<void> {
  const logger = createLogger({ service: name });
  process.exitCode = await runProcess({ name, logger, start: ({ signal }) => start(env, logger, signal) });
}

export interface ServiceFaceOptions extends ServiceParts {
  readonly name: string;
  readonly view: FollowedDirectory['view'];
  readonly routes: readonly Route[];
  /** Besides the outbox's own. */
  readonly checks: Readonly<Record<string, HealthCheck>>;
  readonly softwareVersion?: string;
}

/** What every service shows the world: its events, by the relay of its outbox, and its API. */
export async function startServiceFace(options: ServiceFaceOptions): Promise<Service> {
  const { name, bus, pool, logger, metrics, view, now = Date.now } = options;
  const outbox = startOutboxRelay({
    pool,
    connection: { url: options.databaseUrl, applicationName: `tollgate-${name}-outbox` },
    service: name,
    publisher: await bus.createPublisher(),
    logger,
    metrics,
    clock: { now },
    ...(options.softwareVersion === undefined ? {} : { softwareVersion: options.softwareVersion }),
  });
  const http = createHttpService({
    name,
    logger,
    metrics,
    verifier: createTokenVerifier({ view, now }),
    isUnavailable: isInfrastructureError,
    routes: options.routes,
    checks: { ...options.checks, outbox: () => outbox.trouble() },
  });
  return {
    http,
    listen: (address) => http.listen(address),
    stop: () => stopInOrder([outbox, http]).stop(),
  };
}
