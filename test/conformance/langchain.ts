import { HumanMessage, ToolMessage } from '@langchain/core/messages';
import { tool } from '@langchain/core/tools';
import { ChatOpenAI, OpenAI, OpenAIEmbeddings } from '@langchain/openai';
import { until } from '@tollgate/testing';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { CHAT_MODEL, EMBEDDING_MODEL, type Held, LIMITED_MODEL } from './gateway-to-hold.ts';

const Forecast = z.object({ city: z.string(), sky: z.enum(['clear', 'grey']) });
const weather = tool(() => 'grey', {
  name: 'weather',
  description: 'the weather of a city',
  schema: z.object({ city: z.string() }),
});

/** What is looked at of the pieces of a stream. */
interface Chunk {
  readonly text: string;
  readonly usage_metadata?: { readonly output_tokens: number } | undefined;
}

/** LangChain's classes for OpenAI. */
export function langchain(held: Held): void {
  const access = () => ({ apiKey: held().apiKey, configuration: { baseURL: held().baseURL }, maxRetries: 0 });
  const chat = (more: object = {}) => new ChatOpenAI({ ...access(), model: CHAT_MODEL, ...more });

  describe.each([
    ['chat completions', {}],
    ['responses', { useResponsesApi: true }],
  ])('langchain: %s', (_, api) => {
    test('invokes, and is told what was used', async () => {
      const answer = await chat(api).invoke('one two three');
      expect(answer.text.split(' ')).toHaveLength(16);
      expect(answer.usage_metadata).toMatchObject({ input_tokens: 3, output_tokens: 16, total_tokens: 19 });
    });

    test('streams, and is told what was used at the end', async () => {
      let text = '';
      let used = 0;
      const stream: AsyncIterable<Chunk> = await chat(api).stream('one two three');
      for await (const chunk of stream) {
        text += chunk.text;
        used += chunk.usage_metadata?.output_tokens ?? 0;
      }
      expect(text.split(' ')).toHaveLength(16);
      expect(used).toBe(16);
    });

    test('calls a tool, and answers with its result', async () => {
      const model = chat(api).bindTools([weather]);
      const asked = new HumanMessage('one two three');
      const call = await model.invoke([asked]);
      expect(call.tool_calls).toMatchObject([{ name: 'weather', args: { city: expect.any(String) } }]);
      const [called] = call.tool_calls ?? [];
      if (called === undefined) throw new Error('no call of a tool');
      const given = await weather.invoke({ ...called, type: 'tool_call' });
      if (!ToolMessage.isInstance(given)) throw new Error('no result of a tool');
      const answer = await model.invoke([asked, call, given]);
      expect(answer.text.split(' ')).toHaveLength(16);
    });

    test.each(['jsonSchema', 'functionCalling'] as const)('keeps to a schema by %s', async (method) => {
      const structured = chat(api).withStructuredOutput(Forecast, { method, name: 'forecast' });
      expect(await structured.invoke('one two three')).toEqual({ city: expect.any(String), sky: 'clear' });
    });

    test('gives up, and with it the upstream', async () => {
      const { upstream } = held();
      upstream.addFault({ fault: 'slow-chunks;ms=10;words=1', times: 1 });
      const before = upstream.stats().aborted;
      const leaving = new AbortController();
      const read = async () => {
        for await (const _chunk of await chat({ ...api, maxTokens: 5_000 }).stream('x', {
          signal: leaving.signal,
        })) {
          leaving.abort();
        }
      };
      await read().catch(() => {});
      await until(() => upstream.stats().aborted === before + 1, { timeoutMs: 5_000 });
    });

    test('knows errors by their status and code', async () => {
      await expect(chat({ ...api, model: 'gpt-99' }).invoke('x')).rejects.toMatchObject({
        status: 404,
        code: 'model_not_found',
      });
      held().upstream.addFault({ fault: 'rate-limit;retry_after_s=2', times: 1 });
      await expect(chat({ ...api, model: LIMITED_MODEL }).invoke('x')).rejects.toMatchObject({ status: 429 });
    });

    test('comes back by itself after a rate limit', async () => {
      held().upstream.addFault({ fault: 'rate-limit;retry_after_s=1', times: 1 });
      expect((await chat({ ...api, maxRetries: 3 }).invoke('x')).text.split(' ')).toHaveLength(16);
    });
  });

  describe('langchain: the rest', () => {
    test('embeds documents and a query', async () => {
      const embeddings = new OpenAIEmbeddings({ ...access(), model: EMBEDDING_MODEL });
      const [first, second] = await embeddings.embedDocuments(['a b', 'c']);
      expect(first).toHaveLength(second?.length ?? -1);
      expect(await embeddings.embedQuery('a b')).toEqual(first);
    });

    test('completes a prompt', async () => {
      const completing = new OpenAI({ ...access(), model: CHAT_MODEL, maxTokens: 5 });
      expect((await completing.invoke('one two')).trim().split(' ')).toHaveLength(5);
    });
  });
}
