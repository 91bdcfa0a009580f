import { until } from '@tollgate/testing';
import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  InternalServerError,
  NotFoundError,
  RateLimitError,
} from 'openai';
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import { beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  CHAT_MODEL,
  CUSTOM_MODEL,
  EMBEDDING_MODEL,
  type Held,
  LIMITED_MODEL,
  PLAIN_MODEL,
  RESTING_MODEL,
} from './gateway-to-hold.ts';

const messages = [{ role: 'user' as const, content: 'one two three' }];
const chat = { model: CHAT_MODEL, messages, max_tokens: 6 };

const weather = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer' } },
  required: ['city', 'days'],
  additionalProperties: false,
} as const;
const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: weather } }];
const Forecast = z.object({
  city: z.string(),
  sky: z.enum(['clear', 'grey']),
  hours: z.array(z.object({ hour: z.int(), degrees: z.number() })),
});

async function thrown(promise: PromiseLike<unknown>): Promise<APIError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof APIError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}

async function all<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) items.push(item);
  return items;
}

/** The official client of OpenAI. */
export function openAiSdk(held: Held): void {
  let client: OpenAI;
  beforeAll(() => {
    const { baseURL, apiKey } = held();
    client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
  });

  describe('openai: chat completions', () => {
    test('answers, with usage and a request id', async () => {
      const { data, response } = await client.chat.completions.create(chat).withResponse();
      expect(data.choices[0]?.message.content?.split(' ')).toHaveLength(6);
      expect(data.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 6, total_tokens: 9 });
      expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    });

    test('streams without a usage chunk that was not asked for', async () => {
      const chunks = await all(await client.chat.completions.create({ ...chat, stream: true }));
      expect(chunks.every(({ choices }) => choices.length === 1)).toBe(true);
      expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('length');
    });

    test('streams with the usage chunk last where it was asked for, without choices', async () => {
      const asked = { ...chat, stream: true as const, stream_options: { include_usage: true } };
      const chunks = await all(await client.chat.completions.create(asked));
      expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 6 } });
      expect(chunks.filter(({ choices }) => choices.length === 0)).toHaveLength(1);
    });

    test('calls a tool, takes its result and answers', async () => {
      const asked = { model: CHAT_MODEL, messages, tools };
      const call = (await client.chat.completions.create(asked)).choices[0];
      expect(call?.finish_reason).toBe('tool_calls');
      const [first] = call?.message.tool_calls ?? [];
      if (first?.type !== 'function' || call === undefined) throw new Error('no call of a function');
      expect(JSON.parse(first.function.arguments)).toEqual({ city: expect.any(String), days: 1 });
      const given = { role: 'tool' as const, tool_call_id: first.id, content: 'grey and 12 degrees' };
      const answer = await client.chat.completions.create({
        ...asked,
        messages: [...messages, call.message, given],
        max_tokens: 4,
      });
      expect(answer.choices[0]?.message.content?.split(' ')).toHaveLength(4);
      expect(answer.usage?.prompt_tokens).toBe(3 + 4);
    });

    test('runs tools by itself', async () => {
      const asked: unknown[] = [];
      const runner = client.chat.completions.runTools({
        model: CHAT_MODEL,
        messages,
        tools: [
          {
            type: 'function',
            function: {
              name: 'weather',
              description: 'the weather',
              parse: JSON.parse,
              parameters: { ...weather, required: [...weather.required] },
              function: (given: object) => {
                asked.push(given);
                return 'grey';
              },
            },
          },
        ],
      });
      expect((await runner.finalContent())?.split(' ')).toHaveLength(16);
      expect(asked).toEqual([{ city: expect.any(String), days: 1 }]);
    });

    test('streams the call of a tool in pieces', async () => {
      const stream = client.chat.completions.stream({ model: CHAT_MODEL, messages, tools });
      const [call] = (await stream.finalMessage()).tool_calls ?? [];
      expect(call).toMatchObject({ type: 'function', function: { name: 'weather' } });
    });

    test('parses an answer that keeps to a schema, whole and streamed', async () => {
      const asked = {
        model: CHAT_MODEL,
        messages,
        response_format: zodResponseFormat(Forecast, 'forecast'),
      };
      const parsed = await client.chat.completions.parse(asked);
      expect(parsed.choices[0]?.message.parsed).toMatchObject({ sky: 'clear', hours: [{ hour: 1 }] });
      const streamed = await client.chat.completions.stream(asked).finalChatCompletion();
      expect(streamed.choices[0]?.message.parsed).toEqual(parsed.choices[0]?.message.parsed);
    });

    test('passes on members that the gateway does not know', async () => {
      const extra = { ...chat, simulated: { output_tokens: 2 }, max_tokens: 9 };
      expect((await client.chat.completions.create(extra)).usage?.completion_tokens).toBe(2);
    });

    test('gets content in parts, and cached and reasoning tokens', async () => {
      const { upstream } = held();
      upstream.addFault({ fault: 'content-parts,token-details;cached=2;reasoning=4', times: 1 });
      const { choices, usage } = await client.chat.completions.create(chat);
      expect(choices[0]?.message.content).toMatchObject([{ type: 'reasoning' }, { type: 'text' }]);
      expect(usage).toMatchObject({
        prompt_tokens_details: { cached_tokens: 2 },
        completion_tokens_details: { reasoning_tokens: 4 },
      });
    });
  });

  describe('openai: completions, embeddings, models', () => {
    test('completes a prompt, whole and streamed', async () => {
      const asked = { model: CHAT_MODEL, prompt: ['one two', 'three'], max_tokens: 5 };
      const whole = await client.completions.create(asked);
      expect(whole.choices[0]?.text.split(' ')).toHaveLength(5);
      expect(whole.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 5 });
      const chunks = await all(await client.completions.create({ ...asked, stream: true }));
      expect(chunks.map(({ choices }) => choices[0]?.text).join('')).toBe(whole.choices[0]?.text);
      expect(chunks.every(({ choices }) => choices.length === 1)).toBe(true);
    });

    test('embeds, as base64 and as numbers alike', async () => {
      const asked = { model: EMBEDDING_MODEL, input: ['a b', 'c'] };
      const packed = await client.embeddings.create(asked);
      const plain = await client.embeddings.create({ ...asked, encoding_format: 'float' });
      expect(packed.data).toHaveLength(2);
      expect(packed.data[1]?.embedding).toHaveLength(plain.data[1]?.embedding.length ?? -1);
      expect(packed.usage).toEqual({ prompt_tokens: 3, total_tokens: 3 });
    });

    test('passes base64 through untouched', async () => {
      const raw = await client.embeddings.create({
        model: EMBEDDING_MODEL,
        input: 'x',
        encoding_format: 'base64',
      });
      expect(raw.data[0]?.embedding).toEqual(expect.any(String));
    });

    test('lists the models that the key may use, and tells of one', async () => {
      const listed = (await all(client.models.list())).map(({ id }) => id);
      expect(listed).toEqual([
        CHAT_MODEL,
        LIMITED_MODEL,
        RESTING_MODEL,
        EMBEDDING_MODEL,
        CUSTOM_MODEL,
        PLAIN_MODEL,
      ]);
      expect(await client.models.retrieve(CHAT_MODEL)).toMatchObject({ id: CHAT_MODEL, object: 'model' });
      expect(await thrown(client.models.retrieve('a/b'))).toBeInstanceOf(NotFoundError);
    });
  });

  describe('openai: responses', () => {
    const asked = { model: CHAT_MODEL, input: 'one two three', instructions: 'be brief' };

    test('answers, with usage', async () => {
      const response = await client.responses.create(asked);
      expect(response.status).toBe('completed');
      expect(response.output_text.split(' ')).toHaveLength(16);
      expect(response.usage).toMatchObject({ input_tokens: 5, output_tokens: 16, total_tokens: 21 });
    });

    test('says where an answer was cut by its limit', async () => {
      const response = await client.responses.create({ ...asked, max_output_tokens: 16 });
      expect(response).toMatchObject({
        status: 'incomplete',
        incomplete_details: { reason: 'max_output_tokens' },
      });
    });

    test('streams typed events that end with the whole response', async () => {
      const events = await all(await client.responses.create({ ...asked, stream: true }));
      expect(events[0]?.type).toBe('response.created');
      const last = events.at(-1);
      if (last?.type !== 'response.completed') throw new Error(`ended with ${last?.type}`);
      expect(last.response.usage?.output_tokens).toBe(16);
      const deltas = events.flatMap((event) =>
        event.type === 'response.output_text.delta' ? [event.delta] : [],
      );
      expect(deltas.join('').split(' ')).toHaveLength(16);
      const final = await client.responses.stream(asked).finalResponse();
      expect(final.output_text).toBe(deltas.join(''));
    });

    test('calls a tool, takes its result and answers', async () => {
      const offered = [{ type: 'function' as const, name: 'weather', parameters: weather, strict: true }];
      const { output } = await client.responses.create({ ...asked, tools: offered });
      const [call] = output;
      if (call?.type !== 'function_call') throw new Error(`answered with ${call?.type}`);
      expect(JSON.parse(call.arguments)).toMatchObject({ days: 1 });
      const answer = await client.responses.create({
        ...asked,
        tools: offered,
        input: [
          { role: 'user', content: 'one two three' },
          call,
          { type: 'function_call_output', call_id: call.call_id, output: 'grey' },
        ],
      });
      expect(answer.output_text.split(' ')).toHaveLength(16);
      expect(answer.usage?.input_tokens).toBe(2 + 3 + 1);
    });

    test('parses an answer that keeps to a schema', async () => {
      const parsed = await client.responses.parse({
        ...asked,
        text: { format: zodTextFormat(Forecast, 'forecast') },
      });
      expect(parsed.output_parsed).toMatchObject({ sky: 'clear' });
    });

    test('is told of a failure by the protocol’s own last event', async () => {
      held().upstream.addFault({ fault: 'response-failed', times: 1 });
      const events = await all(await client.responses.create({ ...asked, stream: true }));
      expect(events.at(-1)).toMatchObject({
        type: 'response.failed',
        response: { error: { code: 'server_error' } },
      });
    });

    test.each(['error-mid-stream', 'reset-mid-answer'])(
      'throws where the stream breaks off: %s',
      async (fault) => {
        held().upstream.addFault({ fault, times: 1 });
        const simulated = { ...asked, max_output_tokens: 400, stream: true as const };
        const error = await thrown(all(await client.responses.create(simulated)));
        expect(error).toMatchObject({
          code: fault === 'reset-mid-answer' ? 'upstream_broke' : 'server_error',
        });
      },
    );

    test('cancels the upstream', () =>
      cancels(held, () =>
        client.responses.create({
          ...asked,
          max_output_tokens: 5_000,
          stream: true,
        }),
      ));
  });

  describe('openai: errors', () => {
    test('each status becomes the class that the client knows', async () => {
      const { baseURL, upstream } = held();
      const stranger = new OpenAI({ baseURL, apiKey: 'tgk_unknown', maxRetries: 0 });
      expect(await thrown(stranger.chat.completions.create(chat))).toBeInstanceOf(AuthenticationError);
      const unknown = await thrown(client.chat.completions.create({ ...chat, model: 'gpt-99' }));
      expect(unknown).toBeInstanceOf(NotFoundError);
      expect(unknown).toMatchObject({ code: 'model_not_found', type: 'invalid_request_error' });
      const mistaken = await thrown(client.chat.completions.create({ ...chat, messages: [] }));
      expect(mistaken).toBeInstanceOf(BadRequestError);
      for (const [fault, kind, code, model = CHAT_MODEL] of [
        ['context-length', BadRequestError, 'context_length_exceeded'],
        ['guardrail-block', BadRequestError, 'upstream_guardrail'],
        ['safety-block', BadRequestError, 'upstream_guardrail_safety'],
        ['endpoint-missing', NotFoundError, 'upstream_endpoint_not_found'],
        ['permission-denied', InternalServerError, 'upstream_permission_denied'],
        ['rate-limit-detailed;retry_after_s=3', RateLimitError, 'upstream_rate_limit', LIMITED_MODEL],
        ['scaling-up;retry_after_s=7', InternalServerError, 'upstream_scaling_up', RESTING_MODEL],
      ] as const) {
        upstream.addFault({ fault, times: 1 });
        const error = await thrown(client.chat.completions.create({ ...chat, model }));
        expect(error).toBeInstanceOf(kind);
        expect(error).toMatchObject({ code, requestID: expect.stringMatching(/^[0-9a-f-]{36}$/) });
        const retryAfter = /retry_after_s=(\d)/.exec(fault)?.[1] ?? null;
        expect(error.headers?.get('retry-after')).toBe(retryAfter);
      }
    });

    test('a body that is too large is refused with its status', async () => {
      const content = 'x '.repeat(9 << 20);
      const error = await thrown(
        client.chat.completions.create({ ...chat, messages: [{ role: 'user', content }] }),
      );
      expect(error).toMatchObject({ status: 413, code: 'body_too_large' });
    });

    test.each(['rate-limit;retry_after_s=0', 'unavailable;retry_after_s=0', 'internal-error'])(
      'comes back by itself after %s',
      async (fault) => {
        const { baseURL, apiKey, upstream } = held();
        upstream.addFault({ fault, times: 1 });
        const patient = new OpenAI({ baseURL, apiKey, maxRetries: 2 });
        expect((await patient.chat.completions.create(chat)).usage?.completion_tokens).toBe(6);
      },
    );

    test.each(['error-mid-stream', 'reset-mid-answer'])(
      'throws where a stream breaks off: %s',
      async (fault) => {
        held().upstream.addFault({ fault, times: 1 });
        const stream = await client.chat.completions.create({ ...chat, max_tokens: 400, stream: true });
        expect(await thrown(all(stream))).toBeInstanceOf(APIError);
      },
    );

    test('cancelling a stream cancels the upstream', () =>
      cancels(held, () => client.chat.completions.create({ ...chat, max_tokens: 5_000, stream: true })));

    test('giving up a whole answer cancels the upstream', async () => {
      const { upstream } = held();
      upstream.addFault({ fault: 'no-answer', times: 1 });
      const before = upstream.stats();
      const asked = client.chat.completions.create(chat, { timeout: 200 });
      await expect(asked).rejects.toThrow(/timed out/i);
      await until(() => upstream.stats().inFlight === before.inFlight, { timeoutMs: 5_000 });
    });
  });

  describe("openai: a workspace's own paths", () => {
    test('only the host has to change for a client of Databricks', async () => {
      const { url, apiKey } = held();
      const workspace = new OpenAI({ baseURL: `${url}/serving-endpoints`, apiKey, maxRetries: 0 });
      expect((await workspace.chat.completions.create(chat)).usage?.completion_tokens).toBe(6);
    });

    test.each([
      [
        'a chat',
        { messages, max_tokens: 4 },
        CHAT_MODEL,
        { usage: { prompt_tokens: 3, completion_tokens: 4 } },
      ],
      ['a prompt', { prompt: 'one two', max_tokens: 4 }, CHAT_MODEL, { usage: { prompt_tokens: 2 } }],
      ['what is to be embedded', { input: ['a b'] }, EMBEDDING_MODEL, { usage: { prompt_tokens: 2 } }],
      ['rows', { dataframe_records: [{ age: 40 }, { age: 50 }] }, CUSTOM_MODEL, { predictions: [0, 1] }],
      [
        'a chat for an upstream that has no invocations',
        { messages, max_tokens: 4 },
        PLAIN_MODEL,
        { model: PLAIN_MODEL },
      ],
    ])('an invocation takes %s', async (_, body, model, answer) => {
      const { url, apiKey } = held();
      const response = await fetch(`${url}/serving-endpoints/${model}/invocations`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
      expect(await response.json()).toMatchObject(answer);
      expect(response.status).toBe(200);
    });
  });
}

/** Takes one event of a slow stream and leaves. */
async function cancels(held: Held, begin: () => PromiseLike<AsyncIterable<unknown>>): Promise<void> {
  const { upstream } = held();
  upstream.addFault({ fault: 'slow-chunks;ms=10;words=1', times: 1 });
  const before = upstream.stats().aborted;
  for await (const _event of await begin()) break;
  await until(() => upstream.stats().aborted === before + 1, { timeoutMs: 5_000 });
}
