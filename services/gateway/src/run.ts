import { createBus } from '@tollgate/bus';
import {
  createTokenVerifier,
  DirectoryView,
  type Environment,
  followDirectory,
  ServiceClient,
  type Stoppable,
  stopInOrder,
} from '@tollgate/http';
import type { PolicyConfig } from '@tollgate/policy';
import { createMetrics, type Logger } from '@tollgate/telemetry';
import manifest from '../package.json' with { type: 'json' };
import { createGateway } from './app.ts';
import { LEASE_TIMEOUT_MS, startBudgets } from './budgets/start-budgets.ts';
import { AnonymousTeam } from './callers/anonymous-team.ts';
import { rolesByDirectory } from './callers/caller-roles.ts';
import { authenticateByDirectory } from './callers/directory-authentication.ts';
import { type Clock, systemClock } from './clock.ts';
import { type GatewayConfig, type GatewayFlags, gatewayConfig } from './config.ts';
import { IdSource } from './events/ids.ts';
import { configuredPolicy } from './policy/configured-policy.ts';
import { readPolicy } from './policy/read-policy.ts';
import { openSpool } from './source/open-spool.ts';
import { gapRegister, instanceRegister, type SourceServices } from './source/services.ts';
import type { Upstream } from './upstream/upstream.ts';
import { upstreamsOf } from './upstream/upstreams.ts';

/** How long a call to another service may take, in milliseconds. */
const SERVICE_TIMEOUT_MS = 5000;

/** The share of the stop's deadline that calls in flight get; the spool has the rest to publish. */
const IN_FLIGHT_SHARE = 0.75;

/**
 * Starts a gateway process: configuration, spool, bus, directory, and then the door. It opens at once; until the
 * directory's state is there every keyed request is refused, and readiness says why.
 *
 * @throws ConfigError one line; SpoolError where the spool folder can't be used
 */
export async function startGateway(
  env: Environment,
  flags: GatewayFlags,
  logger: Logger,
): Promise<Stoppable> {
  const config = gatewayConfig(env, flags);
  logger.level = config.logLevel;
  const policyConfig = await readPolicy(config.policyFile, env);
  const upstreams = upstreamsOf(policyConfig, env, config.upstreams);
  const started: Stoppable[] = [];
  try {
    started.push({ stop: () => closeAll(upstreams) });
    await serve(config, { policyConfig, upstreams }, logger, started);
    return stopInOrder(started);
  } catch (error) {
    await stopInOrder(started).stop();
    throw error;
  }
}

/** What is served, and through which connections. */
interface Served {
  readonly policyConfig: PolicyConfig;
  readonly upstreams: ReadonlyMap<string, Upstream>;
}

/** Starts the parts one after the other, each noted in `started` with how it stops. */
async function serve(
  config: GatewayConfig,
  served: Served,
  logger: Logger,
  started: Stoppable[],
): Promise<void> {
  const clock = systemClock;
  const metrics = createMetrics({ processMetrics: true });
  const ids = new IdSource(clock);
  const bus = createBus(config.bus, { logger, metrics, clientId: 'tollgate-gateway' });
  started.push({ stop: () => bus.close() });
  const publisher = await bus.createPublisher();
  started.push({ stop: () => publisher.close() });

  const view = new DirectoryView();
  const { directorySnapshot } = config;
  const directory = await followDirectory({ bus, view, snapshotFile: directorySnapshot });
  started.push(directory);
  let complete = false;
  directory.follower.ready.then(
    () => {
      complete = true;
      logger.info("the directory's state is here");
    },
    // Stopped before it came; anything else shows in the follower's trouble.
    (error: unknown) => logger.debug({ err: error }, "the directory's state never came"),
  );
  const directoryAgeMs = () => (complete ? view.heartbeatAgeMs(clock.now()) : Number.POSITIVE_INFINITY);
  const isCurrent = () => directoryAgeMs() <= config.options.maxDirectoryAgeMs;

  const policy = configuredPolicy(served.policyConfig, served.upstreams, rolesByDirectory(view, clock));
  const anonymous = config.anonymousTeam === null ? null : new AnonymousTeam(view, config.anonymousTeam);

  const opened = openSpool({
    folder: config.spoolFolder,
    settings: config.spool,
    ...(config.instance === null ? {} : { instance: config.instance }),
    softwareVersion: manifest.version,
    clock,
    newId: () => ids.next(),
    logger,
    metrics,
  });
  started.push({ stop: () => opened.stop(config.stopDeadlineMs * (1 - IN_FLIGHT_SHARE)) });
  opened.startPublishing(publisher, services(config));

  const budgets = await startBudgets({
    bus,
    settings: config.budgets,
    limitsSnapshot: config.limitsSnapshot,
    pricesSnapshot: config.pricesSnapshot,
    client: budgetsClient(config),
    instance: opened.instance.name,
    source: opened.spool.source,
    newId: () => ids.next(),
    clock,
    metrics,
    log: logger,
  });
  started.push(budgets);

  const gateway = createGateway({
    options: config.options,
    clock,
    log: logger,
    metrics,
    spool: opened.spool,
    authenticate: authenticateByDirectory(view, clock, isCurrent, anonymous),
    policy: () => policy,
    budgets: budgets.budgets,
    directoryAgeMs,
    mayReadMetrics: metricsReader(view, clock),
    troubles: () => [
      ...[
        view.trouble(),
        directory.follower.trouble(),
        opened.trouble(),
        anonymous?.trouble() ?? null,
      ].filter((trouble) => trouble !== null),
      ...budgets.troubles(),
    ],
    countUnrecorded: () => opened.countUnrecorded(),
  });
  const url = await gateway.listen(config.listen.host, config.listen.port);
  started.push({ stop: () => gateway.close(config.stopDeadlineMs * IN_FLIGHT_SHARE) });
  logger.info({ url, instance: opened.instance.name, source: opened.spool.source }, 'the gateway listens');
}

function metricsReader(view: DirectoryView, clock: Clock): (authorization: string | undefined) => boolean {
  const verifier = createTokenVerifier({ view, now: () => clock.now() });
  return (authorization) => {
    try {
      return verifier.verify(authorization).scopes.has('metrics:read');
    } catch {
      return false;
    }
  };
}

async function closeAll(upstreams: ReadonlyMap<string, Upstream>): Promise<void> {
  await Promise.all([...new Set(upstreams.values())].map((upstream) => upstream.close()));
}

function budgetsClient({ budgetsUrl, token }: GatewayConfig): ServiceClient | null {
  if (budgetsUrl === null || token === null) return null;
  return new ServiceClient({ baseUrl: budgetsUrl, token, timeoutMs: LEASE_TIMEOUT_MS });
}

function services(config: GatewayConfig): SourceServices {
  const { auditUrl, directoryUrl, token } = config;
  if (token === null) return {};
  const client = (baseUrl: string) => new ServiceClient({ baseUrl, token, timeoutMs: SERVICE_TIMEOUT_MS });
  return {
    ...(auditUrl === null ? {} : { audit: gapRegister(client(auditUrl)) }),
    ...(directoryUrl === null ? {} : { directory: instanceRegister(client(directoryUrl)) }),
  };
}
