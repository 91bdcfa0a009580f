import type { RequestFate } from '@tollgate/events';
import { compileOutput, OutputGuard, parsePolicyConfig } from '@tollgate/policy';
import { until } from '@tollgate/testing';
import OpenAI, { APIError, BadRequestError } from 'openai';
import { afterEach, describe, expect, test } from 'vitest';
import { type GatewayUnderTest, TEST_KEY, TEST_METRICS_TOKEN } from '../testing/gateway-under-test.ts';
import { type GuardedGateway, startGuardedGateway } from '../testing/guarded-gateway.ts';
import type { ScriptedUpstream } from '../testing/scripted-upstream.ts';
import { guardSampleAnswer } from './sample-answer.ts';

const CHAT = 'databricks-meta-llama-3-3-70b-instruct';
const PAT = `dapi${'0af9'.repeat(8)}`;
const USAGE = { prompt_tokens: 7, completion_tokens: 11, total_tokens: 18 };

let gateway: GuardedGateway;
let upstream: ScriptedUpstream;
let under: GatewayUnderTest;
let client: OpenAI;
afterEach(() => gateway.close());

async function start(chain: readonly string[], policy: Record<string, object>): Promise<void> {
  gateway = await startGuardedGateway(chain, policy);
  ({ upstream, under } = gateway);
  client = new OpenAI({ apiKey: TEST_KEY, baseURL: `${under.url}/v1`, maxRetries: 0 });
}

const OUTPUT = { apply_to: ['input', 'output'] };
const REDACTING = { 'pii-detector': { ...OUTPUT, action: 'redact' } };
const BLOCKING = {
  'dlp-filter': {
    ...OUTPUT,
    patterns: [{ name: 'databricks-pat', regex: 'dapi[a-f0-9]{32}', action: 'block' }],
  },
};

const chunk = (choice: object, more: object = {}) => ({
  id: 'c',
  object: 'chat.completion.chunk',
  created: 1,
  model: CHAT,
  choices: [{ index: 0, delta: {}, finish_reason: null, ...choice }],
  ...more,
});
const event = (data: object): string => `data: ${JSON.stringify(data)}\n\n`;
const contents = (...texts: readonly string[]): string[] =>
  texts.map((content) => event(chunk({ delta: { content } })));
const END = [
  event(chunk({ finish_reason: 'stop' })),
  event({ id: 'c', object: 'chat.completion.chunk', model: CHAT, choices: [], usage: USAGE }),
  'data: [DONE]\n\n',
];

const answerOf = (content: string) => ({
  id: 'c',
  object: 'chat.completion',
  model: CHAT,
  choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
  usage: USAGE,
});
const ask = (content = 'Hello.') => ({ model: CHAT, messages: [{ role: 'user' as const, content }] });

/** The events of the one request are those of its fate, and hold none of these texts. */
async function recorded(fate: RequestFate, ...texts: string[]): Promise<void> {
  await gateway.recorded(fate);
  for (const text of texts) expect(gateway.written()).not.toContain(text);
}

function outputDecisions() {
  return under.spool
    .events()
    .flatMap(({ type, data }) => (type === 'tollgate.decision.v1' && data.phase === 'output' ? [data] : []));
}

function usage() {
  return under.spool.events().flatMap(({ type, data }) => (type === 'tollgate.usage.v1' ? [data] : []));
}

async function streamed(content?: string) {
  const stream = await client.chat.completions.create({
    ...ask(content),
    stream: true,
    stream_options: { include_usage: true },
  });
  const chunks = [];
  for await (const one of stream) chunks.push(one);
  return chunks;
}

const textOf = (chunks: readonly OpenAI.ChatCompletionChunk[]): string =>
  chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');

async function thrown(promise: PromiseLike<unknown>): Promise<APIError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof APIError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

/** What the metric of findings says, without its name. */
async function counted(): Promise<string[]> {
  const headers = { authorization: `Bearer ${TEST_METRICS_TOKEN}` };
  const text = await (await fetch(`${under.url}/metrics`, { headers })).text();
  return [...text.matchAll(/^tollgate_gateway_findings_total(.*)$/gm)].map(([, sample = '']) => sample);
}

test('what rules find in requests and in answers is counted, each once, by what was done about it', async () => {
  const both = { ...REDACTING, ...BLOCKING };
  await start(['pii-detector', 'dlp-filter'], both);
  expect(await counted()).toEqual([]);
  upstream.script(answerOf('To a@b.net, c@d.net'));
  await client.chat.completions.create(ask('I am x@y.net and z@y.net.'));
  upstream.script(answerOf(`It is ${PAT}`));
  await thrown(client.chat.completions.create(ask()));
  await thrown(client.chat.completions.create(ask(PAT)));
  expect(await counted()).toEqual([
    '{phase="input",policy="pii-detector",rule="EMAIL_ADDRESS",action="redact"} 1',
    '{phase="output",policy="pii-detector",rule="EMAIL_ADDRESS",action="redact"} 1',
    '{phase="output",policy="dlp-filter",rule="databricks-pat",action="block"} 1',
    '{phase="input",policy="dlp-filter",rule="databricks-pat",action="block"} 1',
  ]);
});

test('a sample of an answer is taken apart as those of upstreams are', () => {
  const compiled = compileOutput(
    parsePolicyConfig(
      JSON.stringify({
        pack: { name: 'p', version: '1', enabled: true },
        policies: { chain: ['pii-detector'] },
        policy: REDACTING,
      }),
      { env: {} },
    ),
  );
  const guard = new OutputGuard(compiled, null);
  const sample = Buffer.from(JSON.stringify(answerOf('To a@b.net')));
  const passed = guardSampleAnswer(sample, 'chat', guard, ask());
  expect(JSON.parse(String(passed))).toEqual(answerOf('To <EMAIL_1>'));
  expect(guardSampleAnswer(Buffer.from('no JSON'), 'chat', guard, ask())).toBeNull();
});

describe('a stream', () => {
  test('is rewritten where its texts are, and what was held back goes out before its end', async () => {
    await start(['pii-detector'], REDACTING);
    upstream.script([...contents('Ask Maria', ' Gar', 'cia or ma', 'ria@exa', 'mple.com', ' now'), ...END]);
    const chunks = await streamed();
    expect(textOf(chunks)).toBe('Ask <PERSON_1> or <EMAIL_1> now');
    const finished = chunks.findIndex(({ choices }) => choices[0]?.finish_reason === 'stop');
    expect(textOf(chunks.slice(finished + 1))).toBe('');
    expect(chunks.at(-1)?.usage).toMatchObject(USAGE);
    await recorded('answered-with-findings', 'Maria', 'maria@', 'PERSON_1');
    expect(outputDecisions()).toMatchObject([
      {
        outcome: 'allowed',
        code: null,
        findings: [
          { policy: 'pii-detector', rule: 'PERSON', action: 'redact', count: 1 },
          { policy: 'pii-detector', rule: 'EMAIL_ADDRESS', action: 'redact', count: 1 },
        ],
      },
    ]);
    expect(usage()).toMatchObject([
      { outcome: 'completed', fidelity: 'provider', quantities: { output_tokens: 11 } },
    ]);
  });

  test('passes byte for byte where nothing in it changes, but for what is held back', async () => {
    await start(['dlp-filter'], BLOCKING);
    const pieces = [': a comment\n\n', ...contents('one', ' two', ' 3'), ...END];
    upstream.script(pieces);
    const answer = await fetch(`${under.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${TEST_KEY}` },
      body: JSON.stringify({ ...ask(), stream: true, stream_options: { include_usage: true } }),
    });
    expect(await answer.text()).toBe(pieces.join(''));
    await recorded('answered');
  });

  test('ends with an error that the client throws where something is blocked, and the upstream is called off', async () => {
    await start(['dlp-filter'], BLOCKING);
    upstream.script(contents('The token is ', PAT.slice(0, 9), PAT.slice(9), ' there'), { staysOpen: true });
    const stream = await client.chat.completions.create({ ...ask(), stream: true });
    let seen = '';
    const error = await thrown(
      (async () => {
        for await (const one of stream) seen += one.choices[0]?.delta.content ?? '';
      })(),
    );
    expect(seen).toBe('The token is ');
    expect(error).toMatchObject({ code: 'output_blocked', type: 'invalid_request_error' });
    await until(() => upstream.cut === 1, { timeoutMs: 5_000 });
    await recorded('blocked', PAT, 'The token');
    expect(outputDecisions()).toMatchObject([
      {
        outcome: 'denied',
        code: 'output_blocked',
        findings: [{ policy: 'dlp-filter', rule: 'databricks-pat', action: 'block', count: 1 }],
      },
    ]);
    expect(usage()).toMatchObject([{ outcome: 'failed', fidelity: 'partial', status: 200 }]);
    expect(usage()[0]?.quantities.output_tokens).toBeGreaterThan(0);
  });

  test('is guarded wherever its bytes are cut: within characters, escapes and lines', async () => {
    await start(['pii-detector'], REDACTING);
    const whole = Buffer.from(
      [...contents('Grüße 😀 an j', 'ö@exämple.de', '\n"zitat"\\ ende'), ...END]
        .join('')
        .replace('@', '\\u0040'),
    );
    upstream.script(Array.from(whole, (byte) => Buffer.from([byte])));
    expect(textOf(await streamed())).toBe('Grüße 😀 an <EMAIL_1>\n"zitat"\\ ende');
  });

  test('has a window for each choice, each tool call and each kind of text', async () => {
    await start(['pii-detector'], REDACTING);
    const tool = (index: number, args: string, more: object = {}) => ({
      delta: { tool_calls: [{ index, ...more, function: { arguments: args } }] },
    });
    upstream.script([
      event(chunk({ delta: { role: 'assistant', reasoning_content: 'Write to a@' } })),
      event(chunk({ delta: { reasoning_content: 'b.net' } })),
      event(chunk({ index: 1, delta: { content: 'c@d' } })),
      event(chunk({ delta: { content: 'Sent to a@b' } })),
      event(chunk({ index: 1, delta: { content: '.net' } })),
      event(chunk({ delta: { content: '.net' } })),
      event(chunk(tool(0, '{"to":"a\\u00', { id: 't0' }))),
      event(chunk(tool(1, '{"n":41111111', { id: 't1' }))),
      event(chunk(tool(0, '40b.net","x":[1,true]}'))),
      event(chunk(tool(1, '11111111}'))),
      event(chunk({ index: 1, finish_reason: 'stop' })),
      event(chunk({ finish_reason: 'tool_calls' })),
      'data: [DONE]\n\n',
    ]);
    const chunks = await streamed();
    const all = chunks.flatMap(({ choices }) => choices);
    const of = (index: number, read: (delta: Record<string, unknown>) => unknown): string =>
      all
        .filter((choice) => choice.index === index)
        .map(({ delta }) => read({ ...delta }) ?? '')
        .join('');
    expect(of(0, (delta) => delta['reasoning_content'])).toBe('Write to <EMAIL_1>');
    expect(of(0, (delta) => delta['content'])).toBe('Sent to <EMAIL_1>');
    expect(of(1, (delta) => delta['content'])).toBe('<EMAIL_2>');
    const args = (tool: number): string =>
      all
        .flatMap(({ delta }) => delta.tool_calls ?? [])
        .filter(({ index }) => index === tool)
        .map((call) => call.function?.arguments ?? '')
        .join('');
    expect(args(0)).toBe('{"to":"<EMAIL_1>","x":[1,true]}');
    expect(args(1)).toBe('{"n":"<CREDIT_CARD_1>"}');
    // What was thought is over before what is said begins.
    const lastThought = chunks.findLastIndex((one) => JSON.stringify(one).includes('reasoning_content'));
    const firstSaid = chunks.findIndex((one) => JSON.stringify(one).includes('Sent'));
    expect(lastThought).toBeLessThan(firstSaid);
    await recorded('answered-with-findings', 'b.net', '4111');
  });
});

describe('a whole answer', () => {
  const answer = (message: object) => ({
    id: 'c',
    object: 'chat.completion',
    created: 1,
    model: CHAT,
    choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: 'stop' }],
    usage: USAGE,
  });

  test('is rewritten in all its texts', async () => {
    await start(['pii-detector'], REDACTING);
    upstream.script(
      answer({
        content: [
          { type: 'reasoning', summary: [{ type: 'summary_text', text: 'It is Maria Garcia.' }] },
          { type: 'text', text: 'Maria Garcia' },
        ],
        tool_calls: [{ id: 't', type: 'function', function: { name: 'f', arguments: '{"to":"a@b.net"}' } }],
      }),
    );
    const { choices, usage: stated } = await client.chat.completions.create(ask());
    expect(choices[0]?.message).toMatchObject({
      content: [{ summary: [{ text: 'It is <PERSON_1>.' }] }, { type: 'text', text: '<PERSON_1>' }],
      tool_calls: [{ function: { arguments: '{"to":"<EMAIL_1>"}' } }],
    });
    expect(stated).toMatchObject(USAGE);
    await recorded('answered-with-findings', 'Maria', 'a@b');
  });

  test('is refused where something is blocked, without being asked for again', async () => {
    await start(['dlp-filter'], BLOCKING);
    client = client.withOptions({ maxRetries: 3 });
    upstream.script(answer({ content: `It is ${PAT}.` }));
    const error = await thrown(client.chat.completions.create(ask()));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ status: 400, code: 'output_blocked' });
    expect(upstream.bodies).toHaveLength(1);
    await recorded('blocked', PAT);
    expect(usage()).toMatchObject([
      {
        outcome: 'failed',
        fidelity: 'provider',
        status: 400,
        upstream_status: 200,
        quantities: { output_tokens: 11 },
      },
    ]);
  });

  test('is not passed on where nobody can tell what is in it', async () => {
    await start(['dlp-filter'], BLOCKING);
    upstream.script(`no JSON, ${PAT}`);
    const error = await thrown(client.chat.completions.create(ask()));
    expect(error).toMatchObject({ status: 502, code: 'upstream_unexpected' });
    expect(error.message).not.toContain('dapi');
    await recorded('failed', PAT);
  });
});

describe('restoring', () => {
  const RESTORING = { 'pii-detector': { restore: true } };

  test('gives the caller its own texts back, wherever placeholders are cut, and records nothing of it', async () => {
    await start(['pii-detector'], RESTORING);
    upstream.script([...contents('Dear <PER', 'SON_1>, <EMAIL', '_1', '> <EMAIL_9> <'), ...END]);
    const chunks = await streamed('I am Maria Garcia, m.g@example.com.');
    expect(textOf(chunks)).toBe('Dear Maria Garcia, m.g@example.com <EMAIL_9> <');
    expect(JSON.parse(upstream.bodies[0] ?? '{}').messages[0].content).toBe('I am <PERSON_1>, <EMAIL_1>.');
    await recorded('answered', 'Maria', 'm.g@');
  });

  test('escapes what it puts into arguments', async () => {
    const policy = {
      'dlp-filter': { action: 'redact', restore: true, patterns: [{ name: 'path', regex: 'C:[^;]*' }] },
    };
    await start(['dlp-filter'], policy);
    const call = (args: string) =>
      event(chunk({ delta: { tool_calls: [{ index: 0, function: { arguments: args } }] } }));
    upstream.script([call('{"path":"<PA'), call('TH_1>"}'), ...END]);
    const chunks = await streamed('open C:\\new "x"\tfile;');
    const args = chunks
      .flatMap(({ choices }) => choices[0]?.delta.tool_calls ?? [])
      .map((one) => one.function?.arguments ?? '')
      .join('');
    expect(JSON.parse(args)).toEqual({ path: 'C:\\new "x"\tfile' });
  });

  test("comes after the model was listened to: what it says itself is redacted, the caller's own comes back", async () => {
    await start(['pii-detector'], { 'pii-detector': { ...OUTPUT, restore: true } });
    upstream.script([...contents('<EMAIL_1> is a@b.net, not ', 'c@d.net'), ...END]);
    expect(textOf(await streamed('I am a@b.net.'))).toBe('a@b.net is a@b.net, not <EMAIL_2>');
    await recorded('answered-with-findings', '@b.net', '@d.net');
  });
});
