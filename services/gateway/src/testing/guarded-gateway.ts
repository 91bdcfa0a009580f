import { emissionFaults, type RequestFate } from '@tollgate/events';
import { createLogger } from '@tollgate/telemetry';
import { until } from '@tollgate/testing';
import {
  type GatewayUnderTest,
  startGatewayUnderTest,
  TEST_KEY,
  testChain,
  testPolicy,
} from './gateway-under-test.ts';
import { type ScriptedUpstream, startScriptedUpstream } from './scripted-upstream.ts';

/** A gateway with policies on answers, in front of an upstream that answers what the test says. */
export interface GuardedGateway {
  readonly upstream: ScriptedUpstream;
  readonly under: GatewayUnderTest;
  /** What the gateway logged. */
  readonly logged: readonly string[];
  post(path: string, body: object): Promise<Response>;
  /** Waits until the events of the one request are those of its fate. */
  recorded(fate: RequestFate): Promise<void>;
  /** All that was written into events and logs. */
  written(): string;
  close(): Promise<void>;
}

export async function startGuardedGateway(
  chain: readonly string[],
  policy: Record<string, object>,
): Promise<GuardedGateway> {
  const upstream = await startScriptedUpstream();
  const logged: string[] = [];
  const destination = { write: (line: string) => logged.push(line) };
  const log = createLogger({ service: 'gateway', level: 'trace', destination });
  const made = testPolicy({ baseUrl: upstream.baseUrl, policy: { chain: testChain({ chain }, policy) } });
  const under = await startGatewayUnderTest(made, { log });
  return {
    upstream,
    under,
    logged,
    post: (path, body) =>
      fetch(under.url + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${TEST_KEY}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    async recorded(fate) {
      const agree = () => emissionFaults(fate, under.spool.events()).length === 0;
      await until(() => agree() && under.spool.openHolds === 0, { timeoutMs: 5_000 });
    },
    written: () => [...under.spool.appended.map(({ json }) => json), ...logged].join('\n'),
    async close() {
      await under.close();
      await upstream.close();
    },
  };
}
