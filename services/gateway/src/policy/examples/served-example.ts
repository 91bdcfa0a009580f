import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { seedCatalog } from '@tollgate/catalog';
import { assertServable, type PolicyConfig, parsePolicyConfig } from '@tollgate/policy';
import type { Durability, Position } from '../../spool/spool.ts';
import {
  type GatewayUnderTest,
  PushedClock,
  startGatewayUnderTest,
  TEST_KEY,
  testOptions,
  testRouting,
  testUpstream,
} from '../../testing/gateway-under-test.ts';
import { MemorySpool } from '../../testing/memory-spool.ts';
import { configuredPolicy } from '../configured-policy.ts';
import type { Policy } from '../policy.ts';
import { EMBEDDINGS, LLAMA_70B } from './example-configs.ts';

/** A request, as far as rules look at it. */
export interface Sample {
  readonly content?: string;
  readonly model?: string;
  readonly roles?: readonly string[];
  readonly max_tokens?: number;
}

/** A gateway that serves an example. Its roles are those of the request on its way. */
export interface ServedExample {
  readonly text: string;
  readonly config: PolicyConfig;
  readonly policy: Policy;
  readonly under: GatewayUnderTest;
  readonly spool: SelectiveSpool;
  /** The bodies of calls, and the paths of anything else that was asked. */
  readonly bodies: readonly string[];
  readonly looks: readonly string[];
  /** What the endpoint says of its state. */
  ready: boolean;
  /** Calls get no answer from here on, until it speaks again and answers those as well. */
  silence(): void;
  speak(): void;
  /** What comes of a request: the code of its refusal, what is sent in place of it, or `as it came`, with what is flagged. */
  ask(sample: Sample): Promise<string>;
  get(path: string): Promise<number>;
  close(): Promise<void>;
}

/** Its disk can fail while its memory works, so that it shows which of both a call waits for. */
export class SelectiveSpool extends MemorySpool {
  diskFails = false;

  override after(level: Durability, position: Position, done: (error: Error | null) => void): void {
    if (this.diskFails && level !== 'relaxed') setImmediate(() => done(new Error('the disk failed')));
    else super.after(level, position, done);
  }
}

export const WORKSPACE = { DATABRICKS_HOST: 'https://adb-1.2.azuredatabricks.net', DATABRICKS_TOKEN: 't' };

/** A target's own time ends before any other deadline. */
const LONG_MS = 600_000;
const options = {
  ...testOptions,
  limits: { ...testOptions.limits, firstByteTimeoutMs: LONG_MS, betweenChunksTimeoutMs: LONG_MS },
};

const ANSWER = JSON.stringify({
  id: 'a',
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Yes.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
});

function answer(res: ServerResponse): void {
  if (!res.destroyed) res.writeHead(200, { 'content-type': 'application/json' }).end(ANSWER);
}

export async function serveExample(text: string): Promise<ServedExample> {
  const config = assertServable(parsePolicyConfig(text, { env: WORKSPACE }));
  const bodies: string[] = [];
  const looks: string[] = [];
  let ready = true;
  let unanswered: ServerResponse[] | null = null;
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(Buffer.from(chunk));
    if (req.method === 'GET') {
      looks.push(req.url ?? '');
      res.end(JSON.stringify({ state: { ready: ready ? 'READY' : 'NOT_READY' } }));
      return;
    }
    bodies.push(Buffer.concat(chunks).toString('utf8'));
    if (unanswered === null) answer(res);
    else unanswered.push(res);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const upstream = testUpstream(`http://127.0.0.1:${port}/serving-endpoints`);
  let roles: readonly string[] = [];
  const clock = new PushedClock();
  const routing = testRouting({ clock, probes: { intervalMs: 20, timeoutMs: 1000 } });
  const upstreams = new Map(config.targets.map(({ id }) => [id, upstream]));
  const policy = configuredPolicy({ config, catalog: seedCatalog() }, upstreams, () => roles, routing);
  routing.inForce(policy.targets);
  const spool = new SelectiveSpool();
  const under = await startGatewayUnderTest(policy, { spool, clock, options });
  const authorization = `Bearer ${TEST_KEY}`;
  return {
    get ready() {
      return ready;
    },
    set ready(value) {
      ready = value;
    },
    text,
    config,
    policy,
    under,
    spool,
    bodies,
    looks,
    silence() {
      unanswered = [];
    },
    speak() {
      for (const res of unanswered ?? []) answer(res);
      unanswered = null;
    },
    async ask({ content = 'Hello.', model = LLAMA_70B, max_tokens, ...sample }) {
      roles = sample.roles ?? rolesThatAllow(config);
      const messages = [{ role: 'user', content }];
      const before = bodies.length;
      const embeds = model === EMBEDDINGS;
      const body = embeds ? { model, input: content } : { model, messages, max_tokens: max_tokens ?? 16 };
      const answer = await fetch(`${under.url}/v1/${embeds ? 'embeddings' : 'chat/completions'}`, {
        method: 'POST',
        headers: { authorization, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      const said = (await answer.json()) as { readonly error: { readonly code: string } };
      if (!answer.ok) return `${answer.status} ${said.error.code}`;
      const sent = JSON.parse(bodies[before] ?? '{}');
      if (JSON.stringify(sent.messages) !== JSON.stringify(messages)) return sent.messages[0].content;
      const requestId = answer.headers.get('x-request-id') ?? '';
      const flags = spool.eventsOf(requestId).flatMap((event) => {
        if (event.type !== 'tollgate.decision.v1') return [];
        return event.data.findings.flatMap(({ policy, action, rule }) =>
          action === 'flag' && policy !== 'catalog' ? [rule] : [],
        );
      });
      return flags.length === 0 ? 'as it came' : `as it came, flagged ${flags.join(', ')}`;
    },
    async get(path) {
      const answer = await fetch(under.url + path, { headers: { authorization } });
      await answer.arrayBuffer();
      return answer.status;
    },
    async close() {
      await under.close();
      await routing.stop();
      await upstream.close();
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** All roles of a file but those that forbid everything, so that its other rules can be seen. */
function rolesThatAllow({ policies }: PolicyConfig): readonly string[] {
  return policies.rbac?.roles.filter(({ deniesAll }) => !deniesAll).map(({ name }) => name) ?? [];
}
