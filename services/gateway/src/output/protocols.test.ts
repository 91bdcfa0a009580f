import OpenAI, { APIError } from 'openai';
import { afterEach, describe, expect, test } from 'vitest';
import { TEST_KEY } from '../testing/gateway-under-test.ts';
import { type GuardedGateway, startGuardedGateway } from '../testing/guarded-gateway.ts';

const MODEL = 'databricks-meta-llama-3-3-70b-instruct';
const REDACTING = { 'pii-detector': { apply_to: ['output'] } };
const BLOCKING = { 'pii-detector': { apply_to: ['output'], action: 'block' } };

let gateway: GuardedGateway;
afterEach(() => gateway.close());

async function start(policy: Record<string, object>): Promise<OpenAI> {
  gateway = await startGuardedGateway(['pii-detector'], policy);
  return new OpenAI({ apiKey: TEST_KEY, baseURL: `${gateway.under.url}/v1`, maxRetries: 0 });
}

const findings = () =>
  gateway.under.spool
    .events()
    .flatMap(({ type, data }) =>
      type === 'tollgate.decision.v1' && data.phase === 'output' ? data.findings : [],
    );

describe('completions', () => {
  const event = (text: string, finish: string | null = null): string =>
    `data: ${JSON.stringify({ id: 'c', object: 'text_completion', created: 1, model: MODEL, choices: [{ index: 0, text, logprobs: { tokens: [text] }, finish_reason: finish }] })}\n\n`;

  test('are guarded on streams, and tell no tokens', async () => {
    const client = await start(REDACTING);
    gateway.upstream.script([event('to a@'), event('b.net,'), event(' then', 'length'), 'data: [DONE]\n\n']);
    const chunks = [];
    const asked = { model: MODEL, prompt: 'x', stream: true } as const;
    for await (const one of await client.completions.create(asked)) chunks.push(one);
    expect(chunks.map(({ choices }) => choices[0]?.text ?? '').join('')).toBe('to <EMAIL_1>, then');
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('length');
    expect(JSON.stringify(chunks)).not.toContain('b.net');
    await gateway.recorded('answered-with-findings');
  });

  test('are guarded whole', async () => {
    const client = await start(REDACTING);
    gateway.upstream.script({
      choices: [{ index: 0, text: 'to a@b.net', logprobs: { tokens: ['a@b.net'] } }],
    });
    const { choices } = await client.completions.create({ model: MODEL, prompt: 'x' });
    expect(choices).toEqual([{ index: 0, text: 'to <EMAIL_1>', logprobs: null }]);
  });
});

describe('responses', () => {
  const places = { item_id: 'm', output_index: 0, content_index: 0 };
  const call = { item_id: 'f', output_index: 1 };
  const message = (text: string) => ({
    id: 'm',
    type: 'message',
    role: 'assistant',
    content: [{ type: 'output_text', text, annotations: [] }],
  });
  const called = (args: string) => ({
    id: 'f',
    type: 'function_call',
    name: 'mail',
    call_id: 'k',
    arguments: args,
  });
  const USAGE = { input_tokens: 3, output_tokens: 5, total_tokens: 8 };
  const response = (text: string, args: string) => ({
    id: 'r',
    object: 'response',
    instructions: 'Answer maria@example.com.',
    output: [message(text), called(args)],
    usage: USAGE,
  });
  const script = (events: readonly object[]): string[] =>
    events.map((data, sequence_number) => {
      const numbered = { ...data, sequence_number };
      return `event: ${'type' in data ? data.type : ''}\ndata: ${JSON.stringify(numbered)}\n\n`;
    });
  const deltas = (kind: string, at: object, pieces: readonly string[]) =>
    pieces.map((delta) => ({ type: `response.${kind}.delta`, ...at, delta }));
  const EVENTS = [
    { type: 'response.created', response: { id: 'r', object: 'response', output: [] } },
    { type: 'response.output_item.added', output_index: 0, item: { ...message(''), content: [] } },
    { type: 'response.content_part.added', ...places, part: message('').content[0] },
    ...deltas('output_text', places, ['I wrote to ma', 'ria@exam', 'ple.com']),
    { type: 'response.output_text.done', ...places, text: 'I wrote to maria@example.com' },
    {
      type: 'response.content_part.done',
      ...places,
      part: message('I wrote to maria@example.com').content[0],
    },
    { type: 'response.output_item.done', output_index: 0, item: message('I wrote to maria@example.com') },
    { type: 'response.output_item.added', output_index: 1, item: called('') },
    ...deltas('function_call_arguments', call, ['{"to":"mar', 'ia\\u0040example.com"}']),
    { type: 'response.function_call_arguments.done', ...call, arguments: '{"to":"maria\\u0040example.com"}' },
    { type: 'response.output_item.done', output_index: 1, item: called('{"to":"maria\\u0040example.com"}') },
    {
      type: 'response.completed',
      response: response('I wrote to maria@example.com', '{"to":"maria\\u0040example.com"}'),
    },
  ];

  test('are guarded on streams, with every repetition of their texts', async () => {
    const client = await start(REDACTING);
    gateway.upstream.script(script(EVENTS));
    const events: OpenAI.Responses.ResponseStreamEvent[] = [];
    const stream = client.responses.stream({ model: MODEL, input: 'x' });
    for await (const one of stream) events.push(one);
    const joined = (type: string): string =>
      events.map((one) => (one.type === type && 'delta' in one ? String(one.delta) : '')).join('');
    expect(joined('response.output_text.delta')).toBe('I wrote to <EMAIL_1>');
    expect(joined('response.function_call_arguments.delta')).toBe('{"to":"<EMAIL_1>"}');
    const final = await stream.finalResponse();
    expect(final.output).toMatchObject([message('I wrote to <EMAIL_1>'), called('{"to":"<EMAIL_1>"}')]);
    expect(final.usage).toMatchObject(USAGE);
    // What is repeated of the request is the caller's own.
    expect(JSON.stringify(events).split('maria')).toHaveLength(2);
    expect(events.map(({ sequence_number }) => sequence_number)).toEqual(events.map((_, place) => place));
    await gateway.recorded('answered-with-findings');
    expect(findings()).toEqual([
      { policy: 'pii-detector', rule: 'EMAIL_ADDRESS', action: 'redact', count: 2 },
    ]);
  });

  test.each([
    ['in a piece', EVENTS],
    ['only at the end', EVENTS.filter(({ type }) => type === 'response.completed')],
  ])('end with an error where something is blocked %s', async (_, events) => {
    const client = await start(BLOCKING);
    gateway.upstream.script(script(events));
    const seen: unknown[] = [];
    const ending = (async () => {
      for await (const one of await client.responses.create({ model: MODEL, input: 'x', stream: true }))
        seen.push(one);
    })();
    await expect(ending).rejects.toBeInstanceOf(APIError);
    expect(JSON.stringify(seen)).not.toContain('maria');
    await gateway.recorded('blocked');
  });

  test('are guarded whole', async () => {
    const client = await start(REDACTING);
    gateway.upstream.script(response('to a@b.net', '{"to":"a@b.net"}'));
    const { output } = await client.responses.create({ model: MODEL, input: 'x' });
    expect(output).toMatchObject([message('to <EMAIL_1>'), called('{"to":"<EMAIL_1>"}')]);
  });
});

describe('what providers add of their own', () => {
  test('is not passed on unseen', async () => {
    await start(REDACTING);
    const choice = { index: 0, delta: { content: 'x', reasoning_details: [{ text: 'of a@b.net' }] } };
    const chunk = { id: 'a@b.net', citations: [{ title: 'by c@d.net' }], choices: [choice] };
    gateway.upstream.script([
      `data: ${JSON.stringify(chunk)}\n\n`,
      'data: "e@f.net"\n\n',
      'data: [DONE]\n\n',
    ]);
    const answer = await gateway.post('/v1/chat/completions', { model: MODEL, messages: [], stream: true });
    const text = await answer.text();
    expect(text).toContain('"id":"a@b.net"');
    expect(text).toContain('of <EMAIL_2>');
    expect(text).toContain('by <EMAIL_1>');
    expect(text).not.toContain('e@f.net');
  });

  test("is every string, in the answers of models of one's own", async () => {
    await start(REDACTING);
    gateway.upstream.script({ predictions: [{ name: 'Maria Garcia', id: 'a@b.net', score: 0.5 }] });
    const answer = await gateway.post(`/serving-endpoints/${MODEL}/invocations`, { messages: [] });
    expect(await answer.json()).toEqual({
      predictions: [{ name: '<PERSON_1>', id: '<EMAIL_1>', score: 0.5 }],
    });
  });
});
