import { type Stoppable, stopInOrder } from '@tollgate/http';
import { createLogger, createMetrics, type Metrics } from '@tollgate/telemetry';
import type { GatewayParts } from '../app.ts';
import type { LivePolicy } from '../policy/live-policy.ts';
import { startPolicy } from '../policy/start-policy.ts';
import type { RoutingParts } from '../routing/routing.ts';
import { Credentials, type CredentialsParts } from '../upstream/credentials/credentials.ts';
import {
  type GatewayUnderTest,
  PushedClock,
  startGatewayUnderTest,
  testPolicy,
  testRouting,
} from './gateway-under-test.ts';
import { MemorySpool } from './memory-spool.ts';

const DAY_MS = 86_400_000;

export interface LiveGatewayOptions {
  readonly file: string;
  readonly env: Record<string, string>;
  readonly spool?: MemorySpool;
  readonly clock?: PushedClock;
  /** What differs from ordinary routing; the clock, the log and the metrics are the gateway's. */
  readonly routing?: Partial<RoutingParts>;
  readonly fetchToken?: CredentialsParts['fetchToken'];
  readonly parts?: Partial<Omit<GatewayParts, 'spool' | 'clock'>>;
}

/** A gateway that serves a policy file as a process does, with a spool in memory and one key. */
export interface LiveGateway extends GatewayUnderTest {
  readonly live: LivePolicy;
  readonly credentials: Credentials;
  readonly metrics: Metrics;
  /** The lines of its log, as text. */
  readonly logged: readonly string[];
}

export async function startLiveGateway(options: LiveGatewayOptions): Promise<LiveGateway> {
  const { file, env, spool = new MemorySpool(), clock = new PushedClock(), fetchToken, parts } = options;
  const logged: string[] = [];
  const log = createLogger({
    service: 'gateway',
    level: 'trace',
    destination: { write: (line) => logged.push(line) },
  });
  const metrics = createMetrics();
  const started: Stoppable[] = [];
  const credentials = new Credentials({
    env,
    clock,
    log,
    metrics,
    maxAgeMs: 90 * DAY_MS,
    ...(fetchToken === undefined ? {} : { fetchToken }),
  });
  started.push(credentials);
  const bounds = { maxConnections: 64, connectTimeoutMs: 1000 };
  const rolesOf = () => [];
  const routing = testRouting({ clock, log, metrics, ...options.routing });
  try {
    const live = await startPolicy(
      { file, env, bounds, credentials, rolesOf, routing, clock, log, metrics },
      started,
    );
    const under = await startGatewayUnderTest(testPolicy({ baseUrl: 'http://127.0.0.1:1' }), {
      policy: live.current,
      log,
      metrics,
      spool,
      clock,
      troubles: () => credentials.troubles(),
      warnings: () => [live.warning(), ...credentials.warnings()].filter((warning) => warning !== null),
      ...parts,
    });
    return {
      ...under,
      live,
      credentials,
      metrics,
      logged,
      async close() {
        await under.close();
        await stopInOrder(started).stop();
      },
    };
  } catch (error) {
    await stopInOrder(started).stop();
    throw error;
  }
}
