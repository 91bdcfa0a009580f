import { assertMigrated } from '@tollgate/database';
import { type Service, type ServiceParts, startServiceFace, stopInOrder } from '@tollgate/http';
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

export type DirectoryOptions = ServiceParts & {
  /** Where the first token is written. */
  readonly bootstrapTokenFile: string;
  /** The longest that a role can be granted for. */
  readonly maxGrantMs: number;
  readonly softwareVersion?: string;
  readonly heartbeatIntervalMs?: number;
};

/**
 * Builds the service on a migrated database, makes the bootstrap token if there is none yet, and starts what runs in
 * the background. Call `listen` to serve.
 *
 * @throws DatabaseError `not_migrated`
 */
export async function createDirectory(options: DirectoryOptions): Promise<Service> {
  const { pool, databaseUrl, bus, logger, now = Date.now } = options;
  await assertMigrated({ pool, schema: directoryMigrations.schema, sets: directoryMigrations.sets });
  const ids = idSource(now);
  const own = await startOwnView({ pool, url: databaseUrl, logger });
  const writer = new DirectoryWriter({ pool, view: own.view, ids, now });
  if (await bootstrapToken(writer, options.bootstrapTokenFile)) {
    logger.warn({ file: options.bootstrapTokenFile }, 'no access token yet: a first one is in the file');
  }
  const heartbeat = startHeartbeat({
    pool,
    publisher: await bus.createPublisher(),
    ids,
    now,
    logger,
    ...(options.heartbeatIntervalMs === undefined ? {} : { intervalMs: options.heartbeatIntervalMs }),
  });
  const face = await startServiceFace({
    ...options,
    name: 'directory',
    view: own.view,
    checks: {
      view: () => own.trouble(),
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
    http: face.http,
    listen: face.listen,
    stop: () => stopInOrder([own, heartbeat, face]).stop(),
  };
}
