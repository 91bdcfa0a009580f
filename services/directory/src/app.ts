import { type Bus, startOutboxRelay } from '@tollgate/bus';
import { assertMigrated, isInfrastructureError, type Pool } from '@tollgate/database';
import { createHttpService, createTokenVerifier, type HttpService, type ListenAddress } from '@tollgate/http';
import type { Logger, Metrics } from '@tollgate/telemetry';
import { bootstrapToken } from './bootstrap.ts';
import { ENTITY_KINDS } from './entities/index.ts';
import { startHeartbeat } from './heartbeat.ts';
import { idSource } from './ids.ts';
import { directoryMigrations } from './migrations.ts';
import { entityRoutes } from './routes/entity-routes.ts';
import { gatewayInstanceRoutes } from './routes/gateway-instance-routes.ts';
import { roleGrantRoutes } from './routes/role-grant-routes.ts';
import { tellAgainRoute } from './routes/tell-again-route.ts';
import { DirectoryWriter } from './store/directory-writer.ts';
import { startOwnView } from './view/own-view.ts';

export type DirectoryOptions = {
  /** Under the service's own role. The caller ends it, after `stop`. */
  readonly pool: Pool;
  /** The same database, for connections of their own (listening, leading). */
  readonly databaseUrl: string;
  /** The caller closes it, after `stop`. */
  readonly bus: Bus;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Where the first token is written. */
  readonly bootstrapTokenFile: string;
  /** The longest that a role can be granted for. */
  readonly maxGrantMs: number;
  readonly softwareVersion?: string;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
  readonly heartbeatIntervalMs?: number;
};

export type Directory = {
  listen(address: ListenAddress): Promise<{ readonly url: string; readonly port: number }>;
  /** Ends requests in flight, then heartbeats, relay and view. */
  stop(): Promise<void>;
  readonly openApi: unknown;
  /** For tests: a request without a socket. */
  readonly inject: HttpService['inject'];
};

/**
 * Builds the service on a migrated database, makes the bootstrap token if there is none yet, and starts what runs in
 * the background. Call `listen` to serve.
 *
 * @throws DatabaseError `not_migrated`
 */
export async function createDirectory(options: DirectoryOptions): Promise<Directory> {
  const { pool, databaseUrl, bus, logger, metrics, now = Date.now } = options;
  await assertMigrated({ pool, schema: directoryMigrations.schema, sets: directoryMigrations.sets });
  const ids = idSource(now);
  const own = await startOwnView({ pool, url: databaseUrl, logger });
  const writer = new DirectoryWriter({ pool, view: own.view, ids, now });
  if (await bootstrapToken(writer, options.bootstrapTokenFile)) {
    logger.warn({ file: options.bootstrapTokenFile }, 'no access token yet: a first one is in the file');
  }
  const relay = startOutboxRelay({
    pool,
    connection: { url: databaseUrl, applicationName: 'tollgate-directory-outbox' },
    service: 'directory',
    publisher: await bus.createPublisher(),
    logger,
    metrics,
    clock: { now },
    ...(options.softwareVersion === undefined ? {} : { softwareVersion: options.softwareVersion }),
  });
  const heartbeat = startHeartbeat({
    pool,
    publisher: await bus.createPublisher(),
    ids,
    now,
    logger,
    ...(options.heartbeatIntervalMs === undefined ? {} : { intervalMs: options.heartbeatIntervalMs }),
  });
  const http = createHttpService({
    name: 'directory',
    logger,
    metrics,
    verifier: createTokenVerifier({ view: own.view, now }),
    isUnavailable: isInfrastructureError,
    checks: {
      view: () => own.trouble(),
      outbox: () =>
        relay.trouble() === null ? null : 'events wait: the bus or the database does not answer',
      heartbeat: () => heartbeat.trouble(),
    },
    routes: [
      ...ENTITY_KINDS.flatMap((kind) => entityRoutes(kind, { pool, writer })),
      ...roleGrantRoutes({ writer, maxGrantMs: options.maxGrantMs }),
      ...gatewayInstanceRoutes({ writer }),
      tellAgainRoute({ writer }),
    ],
  });
  return {
    openApi: http.openApi,
    inject: http.inject,
    listen: (address) => http.listen(address),
    async stop() {
      await http.stop();
      await heartbeat.stop();
      await relay.stop();
      await own.stop();
    },
  };
}
