import { emissionFaults, type RequestFate, type TollgateEvent } from '@tollgate/events';
import { createSimulatedDatabricks, type SimulatedDatabricks } from '@tollgate/simulated-databricks';
import { until } from '@tollgate/testing';
import type { Policy } from '../policy/policy.ts';
import type { Route } from '../routing/route.ts';
import type { Target } from '../routing/target.ts';
import type { Upstream } from '../upstream/upstream.ts';
import {
  type GatewayUnderTest,
  startGatewayUnderTest,
  TEST_KEY,
  type TestRouteOptions,
  testPolicy,
  testRoute,
  testTarget,
  testUpstream,
} from './gateway-under-test.ts';

/** The model that requests name; targets serve theirs. */
export const MODEL = 'chat';

export interface RouteUnderTest extends GatewayUnderTest {
  readonly route: Route;
  /** The workspaces behind the targets, in their order. */
  readonly workspaces: readonly SimulatedDatabricks[];
  /** Posts a chat. */
  ask(more?: object, signal?: AbortSignal): Promise<Response>;
  /** The usage of the only request there was, in the order of its attempts. */
  usage(): readonly UsageEvent['data'][];
  /** Waits until the events of the only request are those of this fate. */
  settled(fate: RequestFate): Promise<void>;
}

type UsageEvent = TollgateEvent<'tollgate.usage.v1'>;

export interface RouteUnderTestOptions extends TestRouteOptions {
  /** One for each target: what differs from an ordinary one. */
  readonly targets: readonly (Partial<Target> & { readonly baseUrl?: string })[];
  readonly policy?: Partial<Policy>;
  readonly parts?: Parameters<typeof startGatewayUnderTest>[1];
}

/** A gateway with one route, whose targets `one`, `two`, … are models of simulated workspaces of their own. */
export async function startRouteUnderTest(options: RouteUnderTestOptions): Promise<RouteUnderTest> {
  const workspaces: SimulatedDatabricks[] = [];
  const upstreams: Upstream[] = [];
  const targets: Target[] = [];
  for (const [index, { baseUrl, ...more }] of options.targets.entries()) {
    const workspace = createSimulatedDatabricks({ anyEndpoint: true });
    const upstream = testUpstream(baseUrl ?? `${await workspace.listen()}/serving-endpoints`);
    workspaces.push(workspace);
    upstreams.push(upstream);
    const id = NAMES[index] ?? `target-${index}`;
    targets.push(testTarget(upstream, `model-${id}`, { id, ...more }));
  }
  const route = testRoute(targets, options);
  const policy = testPolicy({ baseUrl: 'http://127.0.0.1:9' });
  const routeFor = (model: string) => (model === MODEL ? route : null);
  const under = await startGatewayUnderTest({ ...policy, routeFor, ...options.policy }, options.parts ?? {});
  const events = () => under.spool.events().filter(({ type }) => type !== 'tollgate.rejections.v1');
  return {
    ...under,
    route,
    workspaces,
    ask: (more = {}, signal) =>
      fetch(`${under.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify({
          model: MODEL,
          messages: [{ role: 'user', content: 'one two three' }],
          max_tokens: 5,
          ...more,
        }),
        ...(signal === undefined ? {} : { signal }),
      }),
    usage: () =>
      events()
        .flatMap((event) => (event.type === 'tollgate.usage.v1' ? [event.data] : []))
        .sort((one, other) => one.attempt - other.attempt),
    async settled(fate) {
      await until(() => emissionFaults(fate, events()).length === 0, { timeoutMs: 5_000 });
    },
    async close() {
      await under.close();
      for (const upstream of upstreams) await upstream.close();
      for (const workspace of workspaces) await workspace.close();
    },
  };
}

const NAMES = ['one', 'two', 'three', 'four'] as const;
