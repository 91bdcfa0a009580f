import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Target } from '../../routing/target.ts';
import type { Durability, Position } from '../../spool/spool.ts';
import {
  type GatewayUnderTest,
  startGatewayUnderTest,
  TEST_KEY,
  type TestRouteOptions,
  testPolicy,
  testRoute,
  testTarget,
  testUpstream,
} from '../../testing/gateway-under-test.ts';
import { MemorySpool } from '../../testing/memory-spool.ts';
import { type RecordingUpstream, startRecordingUpstream } from '../../testing/recording-upstream.ts';

const ONE = 'databricks-meta-llama-3-3-70b-instruct';
const TWO = 'databricks-dbrx-instruct';

/** A spool that notes how safe events were asked to be. */
class NotingSpool extends MemorySpool {
  readonly levels: Durability[] = [];
  override after(level: Durability, position: Position, done: (error: Error | null) => void): void {
    this.levels.push(level);
    super.after(level, position, done);
  }
}

let workspaces: RecordingUpstream[];
let spool: NotingSpool;
let under: GatewayUnderTest;
let closing: (() => Promise<void>)[];

beforeEach(async () => {
  workspaces = [await startRecordingUpstream(), await startRecordingUpstream()];
  spool = new NotingSpool();
  closing = [];
});
afterEach(async () => {
  await under.close();
  for (const close of closing) await close();
  for (const workspace of workspaces) await workspace.close();
});

async function start(route: TestRouteOptions = {}, second: Partial<Target> = {}): Promise<void> {
  const targets = workspaces.map(({ baseUrl }, index) => {
    const upstream = testUpstream(baseUrl);
    closing.push(() => upstream.close());
    return testTarget(upstream, index === 0 ? ONE : TWO, {
      durability: 'relaxed',
      ...(index === 1 ? second : {}),
    });
  });
  const served = testRoute(targets, route);
  const policy = testPolicy({ baseUrl: 'http://127.0.0.1:9' });
  const routeFor = (model: string) => (model === ONE ? served : null);
  under = await startGatewayUnderTest({ ...policy, routeFor }, { spool });
}

const post = (body: string) =>
  fetch(`${under.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_KEY}` },
    body,
  });

const sent = (index: number) => workspaces[index]?.bodies ?? [];

const BODY = `{ "messages" : [{"role":"user","content":"caf\\u00e9"}],"max_tokens":5, "model":"${ONE}" ,"temperature":1.0e0}`;

describe('each attempt sends', () => {
  test("the caller's bytes, with the target's own name of the model and an id of its own", async () => {
    await start();
    workspaces[0]?.simulated.addFault({ fault: 'internal-error' });
    const response = await post(BODY);
    expect(response.status).toBe(200);
    const id = response.headers.get('x-request-id');
    const context =
      '"usage_context":{"organisation":"org_1","team":"team_1","project":"project_1","cost_center":"cc_1","key":"key_1"},';
    expect(sent(0)).toEqual([`{"client_request_id":"${id}.1",${context}${BODY.slice(1)}`]);
    expect(sent(1)).toEqual([
      `{"client_request_id":"${id}.2",${context}"model":"${TWO}","messages" : [{"role":"user","content":"caf\\u00e9"}],"max_tokens":5,"temperature":1.0e0}`,
    ]);
  });

  test('nothing of ours to a target that does not take it', async () => {
    await start({}, { takesAttribution: false, servedModel: ONE });
    workspaces[0]?.simulated.addFault({ fault: 'internal-error' });
    expect((await post(BODY)).status).toBe(200);
    expect(sent(1)).toEqual([BODY]);
  });

  test('to the first target by its own name, where the route has another', async () => {
    await start({ weights: [0, 1] });
    expect((await post(BODY)).status).toBe(200);
    expect(sent(0)).toEqual([]);
    expect(JSON.parse(sent(1)[0] ?? '')).toMatchObject({ model: TWO });
  });
});

describe("a route's own limit of the answer", () => {
  const limited = (text: string | undefined) => JSON.parse(text ?? '').max_tokens;

  test('is sent where the request has none, to each target', async () => {
    await start({ defaultMaxOutputTokens: 7 });
    workspaces[0]?.simulated.addFault({ fault: 'unavailable' });
    const response = await post(JSON.stringify({ model: ONE, messages: [{ role: 'user', content: 'hi' }] }));
    expect(await response.json()).toMatchObject({ usage: { completion_tokens: 7 } });
    expect([limited(sent(0)[0]), limited(sent(1)[0])]).toEqual([7, 7]);
  });

  test('gives way to the one of the request, be it greater', async () => {
    await start({ defaultMaxOutputTokens: 3 });
    await post(BODY);
    expect(limited(sent(0)[0])).toBe(5);
  });
});

describe("a route's durability", () => {
  test("is that of its strictest target, for each attempt's events", async () => {
    await start({}, { durability: 'disk' });
    workspaces[0]?.simulated.addFault({ fault: 'internal-error' });
    await post(BODY);
    expect(spool.levels).toEqual(['disk', 'disk']);
  });

  test('is its own, where it has one', async () => {
    await start({ durability: 'broker' }, { durability: 'disk' });
    await post(BODY);
    expect(spool.levels).toEqual(['broker']);
  });
});
