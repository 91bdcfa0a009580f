import { createBus } from '@tollgate/bus';
import {
  createTokenVerifier,
  DirectoryView,
  type Environment,
  followDirectory,
  type Reloadable,
  ServiceClient,
  type Stoppable,
  stopInOrder,
} from '@tollgate/http';
import { createMetrics, type Logger } from '@tollgate/telemetry';
import manifest from '../package.json' with { type: 'json' };
import { createGateway } from './app.ts';
import { LEASE_TIMEOUT_MS, startBudgets } from './budgets/start-budgets.ts';
import { AnonymousTeam } from './callers/anonymous-team.ts';
import { rolesByDirectory } from './callers/caller-roles.ts';
import { authenticateByDirectory } from './callers/directory-authentication.ts';
import { DirectoryUsers } from './callers/oidc/directory-users.ts';
import { IdentityProvider } from './callers/oidc/identity-provider.ts';
import { OidcAuthentication } from './callers/oidc/oidc-authentication.ts';
import { type Clock, systemClock } from './clock.ts';
import { type GatewayConfig, type GatewayFlags, gatewayConfig } from './config.ts';
import { IdSource } from './events/ids.ts';
import { startPayloads } from './payloads/start-payloads.ts';
import type { LivePolicy } from './policy/live-policy.ts';
import { startProblem } from './policy/read-policy.ts';
import { startPolicy } from './policy/start-policy.ts';
import { stateInForce } from './policy/state-in-force.ts';
import { Routing } from './routing/routing.ts';
import { openSpool } from './source/open-spool.ts';
import { gapRegister, instanceRegister, type SourceServices } from './source/services.ts';
import { Credentials } from './upstream/credentials/credentials.ts';

/** How long a call to another service may take, in milliseconds. */
const SERVICE_TIMEOUT_MS = 5000;

/** The share of the stop's deadline that calls in flight get; the spool has the rest to publish. */
const IN_FLIGHT_SHARE = 0.75;

/**
 * Starts a gateway process: configuration, spool, bus, directory, and then the door. It opens at once; until the
 * directory's state is there every keyed request is refused, and readiness says why. It takes up edits of the policy file by
 * itself, and at `reload` at once.
 *
 * @throws ConfigError one line; SpoolError where the spool folder can't be used
 */
export async function startGateway(
  env: Environment,
  flags: GatewayFlags,
  logger: Logger,
): Promise<Reloadable> {
  const config = gatewayConfig(env, flags);
  logger.level = config.logLevel;
  const started: Stoppable[] = [];
  try {
    const live = await serve(config, env, logger, started);
    const { stop } = stopInOrder(started);
    return {
      stop,
      async reload() {
        await live.reload();
      },
    };
  } catch (error) {
    await stopInOrder(started).stop();
    throw startProblem(error);
  }
}

/** Starts the parts one after the other, each noted in `started` with how it stops. */
async function serve(
  config: GatewayConfig,
  env: Environment,
  logger: Logger,
  started: Stoppable[],
): Promise<LivePolicy> {
  const clock = systemClock;
  const metrics = createMetrics({ processMetrics: true });
  const ids = new IdSource(clock);
  const view = new DirectoryView();
  const credentials = new Credentials({
    env,
    clock,
    log: logger,
    metrics,
    maxAgeMs: config.credentialMaxAgeMs,
  });
  started.push(credentials);
  const live = await startPolicy(
    {
      file: config.policyFile,
      env,
      bounds: config.upstreams,
      credentials,
      rolesOf: rolesByDirectory(view, clock),
      routing: new Routing({ ...config.routing, random: Math.random, clock, log: logger, metrics }),
      clock,
      log: logger,
      metrics,
    },
    started,
  );
  const bus = createBus(config.bus, { logger, metrics, clientId: 'tollgate-gateway' });
  started.push({ stop: () => bus.close() });
  const publisher = await bus.createPublisher();
  started.push({ stop: () => publisher.close() });

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

  const anonymous = config.anonymousTeam === null ? null : new AnonymousTeam(view, config.anonymousTeam);

  const byKeys = authenticateByDirectory(view, clock, isCurrent, anonymous);
  const oidc =
    config.oidc === null
      ? null
      : new OidcAuthentication({
          provider: new IdentityProvider(config.oidc, clock),
          users: new DirectoryUsers(view, clock),
          isCurrent,
          clock,
          metrics,
        });

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
  const telling = { clock, ids, spool: opened.spool, instance: opened.instance.name, log: logger };
  stateInForce(telling, live.read);
  live.onTakenUp(() => stateInForce(telling, live.read));

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

  const payloads = startPayloads({
    settings: config.payloads,
    auditUrl: config.auditUrl,
    token: config.token,
    policy: live.current,
    metrics,
    log: logger,
    stopMs: (config.stopDeadlineMs * (1 - IN_FLIGHT_SHARE)) / 2,
  });
  if (payloads !== null) started.push(payloads);

  const gateway = createGateway({
    options: config.options,
    clock,
    log: logger,
    metrics,
    spool: opened.spool,
    authenticate: oidc === null ? byKeys : oidc.beside(byKeys),
    policy: live.current,
    budgets: budgets.budgets,
    ...(payloads === null ? {} : { payloads: payloads.payloads }),
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
      ...credentials.troubles(),
      ...(payloads?.troubles() ?? []),
    ],
    warnings: () => [
      ...[live.warning(), oidc?.warning() ?? null].filter((warning) => warning !== null),
      ...credentials.warnings(),
    ],
    countUnrecorded: () => opened.countUnrecorded(),
  });
  const url = await gateway.listen(config.listen.host, config.listen.port);
  started.push({ stop: () => gateway.close(config.stopDeadlineMs * IN_FLIGHT_SHARE) });
  logger.info({ url, instance: opened.instance.name, source: opened.spool.source }, 'the gateway listens');
  return live;
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
