import type { Environment, Stoppable } from '@tollgate/http';
import type { Logger, Metrics } from '@tollgate/telemetry';
import type { RolesOf } from '../callers/caller-roles.ts';
import { LifecycleWatch } from '../catalog/lifecycle-watch.ts';
import type { Clock } from '../clock.ts';
import type { Routing } from '../routing/routing.ts';
import type { Credentials } from '../upstream/credentials/credentials.ts';
import { type UpstreamBounds, Upstreams } from '../upstream/upstreams.ts';
import { configuredPolicy } from './configured-policy.ts';
import { LivePolicy } from './live-policy.ts';
import { readPolicy } from './read-policy.ts';
import { SafetyTallies } from './safety-judge.ts';
import { WatchedFiles } from './watched-files.ts';

/** How often an edit that was rejected is tried again, in milliseconds. */
const RETRY_INTERVAL_MS = 5000;

export interface PolicyParts {
  readonly file: string;
  readonly env: Environment;
  readonly bounds: UpstreamBounds;
  readonly credentials: Credentials;
  readonly rolesOf: RolesOf;
  readonly routing: Routing;
  readonly clock: Clock;
  readonly log: Logger;
  readonly metrics: Metrics;
}

/**
 * Puts a policy file in force, and follows its edits from then on. What was started is noted in `started`.
 *
 * @throws PolicyConfigError, ConfigError where the file can't be served
 */
export async function startPolicy(parts: PolicyParts, started: Stoppable[]): Promise<LivePolicy> {
  const { file, env, bounds, credentials, rolesOf, routing, clock, log, metrics } = parts;
  const upstreams = new Upstreams(credentials, bounds);
  const safety = new SafetyTallies(metrics, clock);
  started.push({ stop: () => upstreams.close() });
  const live = await LivePolicy.start({
    file,
    read: () => readPolicy(file, env),
    async prepare(read) {
      const { byTarget, commit, abandon } = upstreams.prepare(read.config);
      try {
        return { policy: configuredPolicy(read, byTarget, rolesOf, routing, safety), commit };
      } catch (error) {
        abandon();
        throw error;
      }
    },
    clock,
    log,
    metrics,
  });
  routing.inForce(live.current().targets);
  started.push(routing);
  const lifecycle = new LifecycleWatch({ policy: live.current, clock, log, metrics });
  started.push(lifecycle);
  const watched = new WatchedFiles(() => void live.reload());
  live.onTakenUp(() => {
    routing.inForce(live.current().targets);
    lifecycle.look();
    void watched.follow(live.files);
  });
  // What was wrong may be mended where nobody watches: a file that only the rejected edit names, a secret.
  const again = setInterval(() => {
    if (live.warning() !== null) void live.reload();
  }, RETRY_INTERVAL_MS).unref();
  started.push({
    async stop() {
      clearInterval(again);
      watched.stop();
    },
  });
  await watched.follow(live.files);
  // What was written between reading and watching.
  await live.reload();
  credentials.start();
  lifecycle.start();
  return live;
}
