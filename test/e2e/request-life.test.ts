import { randomUUID } from 'node:crypto';
import { openPool } from '@tollgate/database';
import { DirectoryClient } from '@tollgate/directory';
import { emissionFaults, parseEvent } from '@tollgate/events';
import { ServiceClient } from '@tollgate/http';
import { createLogger } from '@tollgate/telemetry';
import { kafkaForTests, temporaryFolder, until } from '@tollgate/testing';
import { Kafka, logLevel, Partitioners } from 'kafkajs';
import OpenAI from 'openai';
import { prepareInstallation, type ReplayTarget } from 'tollgate/replay';
import { STACK_MODEL, type Stack, startStack } from 'tollgate/stack';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';

const UNREACHABLE_MODEL = 'databricks-dbrx-instruct';
const MAX_BODY_BYTES = 16 * 1024 * 1024;

let stack: Stack;
let target: ReplayTarget;
let audit: ServiceClient;
let chargeback: ServiceClient;

beforeAll(async () => {
  const { brokers } = await kafkaForTests();
  stack = await startStack({
    folder: temporaryFolder('e2e'),
    bus: { kind: 'kafka', brokers },
    policyConfig,
    logger: createLogger({ service: 'e2e', level: 'warn' }),
  });
  target = await prepareInstallation(stack, { teams: 1, model: STACK_MODEL });
  const directory = new DirectoryClient({ baseUrl: stack.directoryUrl, token: target.token });
  // The role platform runs the installation; reading the trail is for security.
  const security = await directory.accessTokens.create({
    principal_type: 'service',
    principal_id: 'e2e',
    name: 'e2e',
    roles: ['security'],
  });
  audit = new ServiceClient({ baseUrl: stack.auditUrl, token: security.secret });
  chargeback = new ServiceClient({ baseUrl: stack.chargebackUrl, token: target.token });
});

afterAll(() => stack?.stop());

/** Served by a target that breaks off, and by one that answers. */
const FALLING_BACK_MODEL = 'e2e-falls-back';

const policyConfig = (upstreamUrl: string) => `
pack: { name: e2e, version: 1.0.0, enabled: true }
providers:
  targets:
    - id: simulated
      provider: databricks:chat:${STACK_MODEL}
      base_url: ${upstreamUrl}
      secret_key_ref: { env: DATABRICKS_TOKEN }
    - id: breaking
      provider: databricks:chat:simulated-reset-before-answer
      base_url: ${upstreamUrl}
      secret_key_ref: { env: DATABRICKS_TOKEN }
    - id: unreachable
      provider: databricks:chat:${UNREACHABLE_MODEL}
      base_url: http://127.0.0.1:9/serving-endpoints
      secret_key_ref: { env: DATABRICKS_TOKEN }
routes:
  - { model: ${FALLING_BACK_MODEL}, targets: [{ target: breaking }, { target: simulated }] }
policies: { chain: [audit-logger] }
policy:
  audit-logger: { immutable: true, retention_days: 365, log_all_access: true }
`;

/** What the archive holds of the requests that were sent under this \`x-request-id\`. */
async function archived(clientRequestId: string) {
  const response = await fetch(`${stack.auditUrl}/v1/archive?limit=10000`, {
    headers: { authorization: `Bearer ${target.token}` },
  });
  const lines = (await response.text()).trimEnd().split('\n').slice(0, -1);
  return lines.flatMap((line) => {
    const parsed = parseEvent(Buffer.from(JSON.parse(line).event, 'base64'));
    if (parsed.kind !== 'event') throw new Error(`the archive holds ${parsed.kind}`);
    return parsed.event.data['client_request_id'] === clientRequestId ? [parsed.event] : [];
  });
}

function call(body: string | Buffer, headers: Record<string, string>): Promise<Response> {
  return fetch(`${stack.gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body,
  });
}

test('a call is answered, archived, charged, and stands in the report of its team', async () => {
  const openai = new OpenAI({ baseURL: `${stack.gatewayUrl}/v1`, apiKey: target.teams[0]?.key ?? '' });
  const clientRequestId = randomUUID();
  const { data, response } = await openai.chat.completions
    .create(
      {
        model: STACK_MODEL,
        messages: [{ role: 'user', content: 'how many words are these' }],
        max_completion_tokens: 3,
      },
      { headers: { 'x-request-id': clientRequestId } },
    )
    .withResponse();
  expect(data.usage).toMatchObject({ prompt_tokens: 5, completion_tokens: 3 });
  const requestId = response.headers.get('x-request-id') ?? '';

  const teamId = target.teams[0]?.teamId ?? '';
  const life = z.object({
    events: z.array(z.object({ leaf_index: z.int(), event: z.looseObject({ type: z.string() }) }).loose()),
  });
  // Charges, too, are about the request, and may be there before its usage is.
  const OWN = ['tollgate.request.v1', 'tollgate.decision.v1', 'tollgate.usage.v1'];
  const events = await until(
    async () => {
      const found = await audit.call({ method: 'GET', path: `/v1/requests/${requestId}`, answer: life });
      const own = found.events.filter(({ event }) => OWN.includes(event.type));
      return own.length === OWN.length ? own : undefined;
    },
    { timeoutMs: 15_000, describe: 'request, decision and usage in the audit trail' },
  );
  expect(new Set(events.map((event) => event.leaf_index)).size).toBe(3);
  expect((await archived(clientRequestId)).map((event) => event.type).sort()).toEqual([
    'tollgate.decision.v1',
    'tollgate.request.v1',
    'tollgate.usage.v1',
  ]);

  const found = await audit.call({
    method: 'GET',
    path: '/v1/events',
    query: { team: teamId, type: 'tollgate.usage.v1', from: new Date(Date.now() - 60_000).toISOString() },
    answer: z.object({ items: z.array(z.unknown()) }),
  });
  expect(found.items).toHaveLength(1);

  const month = new Date().toISOString().slice(0, 7);
  const report = z.object({ rows: z.array(z.object({ team: z.string() }).loose()) });
  const row = await until(
    async () => {
      const { rows } = await chargeback.call({
        method: 'GET',
        path: '/v1/report',
        query: { period: month, group_by: 'team' },
        answer: report,
      });
      return rows.find(({ team }) => team === teamId);
    },
    { timeoutMs: 15_000, describe: 'a line in the report' },
  );
  // 5 words in and 3 out at 0.54 USD per million each.
  expect(row).toMatchObject({ requests: 1, input_tokens: 5, output_tokens: 3, amount: '0.00000432' });
});

test('the statement of a period counts per source the usage that chargeback has charged in it', async () => {
  const quarterMs = 15 * 60_000;
  const fromMs = Math.floor(Date.now() / quarterMs) * quarterMs - quarterMs;
  const [from, to] = [fromMs, fromMs + 3 * quarterMs].map((ms) => new Date(ms).toISOString());
  const counts = z.record(z.string(), z.int());
  const answer = z.object({
    statement: z.object({ verdict: z.string(), sources: z.array(z.object({ source: z.string(), counts })) }),
  });
  const pool = openPool({ url: stack.postgres.url, applicationName: 'e2e', maxConnections: 1 });
  try {
    await until(
      async () => {
        const { statement } = await audit.call({
          method: 'GET',
          path: '/v1/completeness',
          query: { from, to },
          answer,
        });
        const counted = statement.sources.flatMap(({ source, counts: own }) => {
          const usage = own['tollgate.usage.v1'] ?? 0;
          return usage === 0 ? [] : [{ source, usage }];
        });
        const { rows } = await pool.query<{ source: string; usage: number }>(
          `SELECT source, count(*)::int AS usage FROM chargeback.usage
           WHERE requested_at >= $1::timestamptz AND requested_at < $2::timestamptz GROUP BY source ORDER BY source`,
          [from, to],
        );
        const bySource = counted.toSorted((a, b) => (a.source < b.source ? -1 : 1));
        return (rows.length > 0 && JSON.stringify(rows) === JSON.stringify(bySource)) || undefined;
      },
      { timeoutMs: 15_000, describe: 'equal counts of usage per source' },
    );
  } finally {
    await pool.end();
  }
});

test('a call that another target answers is one request, and each of its attempts is charged for what it used', async () => {
  const clientRequestId = randomUUID();
  const messages = [{ role: 'user', content: 'how many words are these' }];
  const response = await call(JSON.stringify({ model: FALLING_BACK_MODEL, messages, max_tokens: 3 }), {
    authorization: `Bearer ${target.teams[0]?.key}`,
    'x-request-id': clientRequestId,
  });
  expect(response.status).toBe(200);
  const requestId = response.headers.get('x-request-id');

  const events = await until(
    async () => {
      const found = await archived(clientRequestId);
      return found.length === 4 ? found : undefined;
    },
    { timeoutMs: 15_000, describe: 'the request and both attempts in the archive' },
  );
  expect(emissionFaults('fallen-back', events)).toEqual([]);

  const attempt = z.object({
    request_id: z.string(),
    attempt: z.int(),
    final: z.boolean(),
    outcome: z.string(),
    input_tokens: z.int(),
    output_tokens: z.int(),
    served_model: z.string().nullable(),
    amount: z.string().nullable(),
  });
  const charged = await until(
    async () => {
      const { items } = await chargeback.call({
        method: 'GET',
        path: '/v1/charges',
        query: { team: target.teams[0]?.teamId ?? '', limit: '1000' },
        answer: z.object({ items: z.array(attempt) }),
      });
      const own = items.filter((item) => item.request_id === requestId);
      return own.length === 2 ? own.sort((one, other) => one.attempt - other.attempt) : undefined;
    },
    { timeoutMs: 15_000, describe: 'both attempts among the charges' },
  );
  expect(charged).toMatchObject([
    // Estimated from the 24 letters that were sent before the connection broke; nobody has a price for that model.
    { attempt: 1, final: false, outcome: 'failed', input_tokens: 6, output_tokens: 0, amount: null },
    {
      attempt: 2,
      final: true,
      outcome: 'completed',
      input_tokens: 5,
      output_tokens: 3,
      amount: '0.00000432',
    },
  ]);
  expect(charged.map(({ served_model }) => served_model)).toEqual([
    'simulated-reset-before-answer',
    STACK_MODEL,
  ]);
});

describe('bad input is refused in the shape of OpenAI, with a code, and accounted for', () => {
  const chat = (model: string) =>
    JSON.stringify({ model, messages: [{ role: 'user', content: 'hello there' }], max_tokens: 2 });
  const cases = [
    { what: 'broken JSON', body: () => '{"model":', status: 400, code: 'invalid_json', decision: 'rejected' },
    {
      what: 'an unknown model',
      body: () => chat('no-such-model'),
      status: 404,
      code: 'model_not_found',
      decision: 'rejected',
    },
    {
      what: 'an oversized body',
      body: () => Buffer.alloc(MAX_BODY_BYTES + 1, 0x20),
      status: 413,
      code: 'body_too_large',
      decision: 'rejected',
    },
    {
      what: 'an upstream that is not there',
      body: () => chat(UNREACHABLE_MODEL),
      status: 502,
      code: 'upstream_unreachable',
      decision: 'allowed',
    },
  ] as const;

  test.each(cases)('$what: $status $code', async ({ body, status, code, decision }) => {
    const clientRequestId = randomUUID();
    const response = await call(body(), {
      authorization: `Bearer ${target.teams[0]?.key}`,
      'x-request-id': clientRequestId,
    });
    expect(response.status).toBe(status);
    expect(await response.json()).toEqual({
      error: {
        message: expect.any(String),
        type: expect.any(String),
        param: expect.toSatisfy(isParam),
        code,
      },
    });
    const events = await until(
      async () => {
        const found = await archived(clientRequestId);
        return found.length === (decision === 'allowed' ? 3 : 2) ? found : undefined;
      },
      { timeoutMs: 15_000, describe: 'the request in the archive' },
    );
    expect(events.find((event) => event.type === 'tollgate.decision.v1')?.data).toMatchObject({
      outcome: decision,
      code: decision === 'allowed' ? null : code,
    });
  });

  test('an unknown key: 401, and no event of its own', async () => {
    const clientRequestId = randomUUID();
    const response = await call(chat(STACK_MODEL), {
      authorization: 'Bearer tgk_unknown',
      'x-request-id': clientRequestId,
    });
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ error: { code: 'invalid_api_key' } });
    expect(await archived(clientRequestId)).toEqual([]);
  });
});

describe('what can not be read', () => {
  /** Straight to the broker, past every check of ours. */
  async function publish(value: string): Promise<void> {
    const kafka = new Kafka({ clientId: 'e2e', brokers: [...stack.bus.brokers], logLevel: logLevel.NOTHING });
    const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner });
    await producer.connect();
    await producer.send({ topic: `${stack.bus.topicPrefix}usage`, messages: [{ partition: 0, value }] });
    await producer.disconnect();
  }

  test('goes to the dead letters with its cause when it is malformed, and the partition goes on', async () => {
    await publish('{"no":"event"}');
    const kafka = new Kafka({ clientId: 'e2e', brokers: [...stack.bus.brokers], logLevel: logLevel.NOTHING });
    const consumer = kafka.consumer({ groupId: `e2e-${randomUUID()}` });
    const letters: unknown[] = [];
    await consumer.connect();
    try {
      await consumer.subscribe({ topic: `${stack.bus.topicPrefix}dead-letter`, fromBeginning: true });
      await consumer.run({
        eachMessage: async ({ message }) => {
          letters.push(JSON.parse(message.value?.toString() ?? 'null').data);
        },
      });
      // Once for each group that reads the topic.
      await until(() => letters.length >= 2, { timeoutMs: 20_000, describe: 'two dead letters' });
    } finally {
      await consumer.disconnect();
    }
    expect(letters).toContainEqual(
      expect.objectContaining({
        topic: `${stack.bus.topicPrefix}usage`,
        partition: 0,
        value: Buffer.from('{"no":"event"}').toString('base64'),
        error: expect.stringContaining('specversion'),
      }),
    );
    expect((await fetch(`${stack.chargebackUrl}/readyz`)).status).toBe(200);
  });

  test('pauses the partition and turns the service unready when it is of a later major version', async () => {
    await publish(
      JSON.stringify({
        specversion: '1.0',
        id: randomUUID(),
        source: '/gateways/of-tomorrow/1',
        type: 'tollgate.usage.v9',
        subject: randomUUID(),
        time: new Date().toISOString(),
        datacontenttype: 'application/json',
        sequence: '0000000000000000001',
        data: {},
      }),
    );
    const answer = await until(
      async () => {
        const response = await fetch(`${stack.chargebackUrl}/readyz`);
        return response.status === 503 ? response.text() : undefined;
      },
      { timeoutMs: 20_000, describe: 'chargeback unready' },
    );
    expect(answer).toContain('tollgate.usage.v9');
  });
});

function isParam(value: unknown): boolean {
  return value === null || typeof value === 'string';
}
