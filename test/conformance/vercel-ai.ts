import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { until } from '@tollgate/testing';
import {
  APICallError,
  embed,
  embedMany,
  generateObject,
  generateText,
  isStepCount,
  Output,
  streamObject,
  streamText,
  tool,
} from 'ai';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { CHAT_MODEL, EMBEDDING_MODEL, type Held } from './gateway-to-hold.ts';

const Forecast = z.object({ city: z.string(), sky: z.enum(['clear', 'grey']) });
const weather = tool({
  description: 'the weather of a city',
  inputSchema: z.object({ city: z.string() }),
  execute: () => 'grey',
});
const prompt = 'one two three';

// It warns on the console of what an endpoint can't do, and of names of its own that are to go.
Reflect.set(globalThis, 'AI_SDK_LOG_WARNINGS', false);

/** The AI SDK of Vercel, with its provider for OpenAI and the one for everything compatible. */
export function vercelAi(held: Held): void {
  const openai = () => createOpenAI({ baseURL: held().baseURL, apiKey: held().apiKey });
  const compatible = () =>
    createOpenAICompatible({
      name: 'tollgate',
      baseURL: held().baseURL,
      apiKey: held().apiKey,
      includeUsage: true,
      supportsStructuredOutputs: true,
    });

  describe.each([
    ['openai-compatible', () => compatible().chatModel(CHAT_MODEL)],
    ['openai by chat completions', () => openai().chat(CHAT_MODEL)],
    ['openai by responses', () => openai().responses(CHAT_MODEL)],
  ])('ai: %s', (name, modelOf) => {
    test('generates text, and is told what was used', async () => {
      const { text, usage } = await generateText({ model: modelOf(), prompt, maxRetries: 0 });
      expect(text.split(' ')).toHaveLength(16);
      expect(usage).toMatchObject({ inputTokens: 3, outputTokens: 16 });
    });

    test('streams text, and is told what was used at the end', async () => {
      const { textStream, usage, finishReason } = streamText({ model: modelOf(), prompt });
      let text = '';
      for await (const piece of textStream) text += piece;
      expect(text.split(' ')).toHaveLength(16);
      expect(await usage).toMatchObject({ inputTokens: 3, outputTokens: 16 });
      expect(await finishReason).toBe('stop');
    });

    test.each(['whole', 'streamed'])('calls a tool and answers with its result, %s', async (how) => {
      const asked = { model: modelOf(), prompt, tools: { weather }, stopWhen: isStepCount(3) };
      const done = how === 'whole' ? await generateText(asked) : streamText(asked);
      const steps = await done.steps;
      expect(steps).toHaveLength(2);
      expect(steps[0]?.toolCalls).toMatchObject([
        { toolName: 'weather', input: { city: expect.any(String) } },
      ]);
      expect((await done.text).split(' ')).toHaveLength(16);
    });

    test('generates objects that keep to a schema', async () => {
      const expected = { city: expect.any(String), sky: 'clear' };
      const asked = { model: modelOf(), prompt, schema: Forecast };
      expect((await generateObject(asked)).object).toEqual(expected);
      const streamed = streamObject(asked);
      for await (const _partial of streamed.partialObjectStream);
      expect(await streamed.object).toEqual(expected);
      const output = Output.object({ schema: Forecast });
      expect((await generateText({ model: modelOf(), prompt, output })).output).toEqual(expected);
    });

    test('gives up, and with it the upstream', async () => {
      const { upstream } = held();
      upstream.addFault({ fault: 'slow-chunks;ms=10;words=1', times: 1 });
      const before = upstream.stats().aborted;
      const leaving = new AbortController();
      const asked = { model: modelOf(), prompt, maxOutputTokens: 5_000, abortSignal: leaving.signal };
      for await (const _piece of streamText(asked).textStream) leaving.abort();
      await until(() => upstream.stats().aborted === before + 1, { timeoutMs: 5_000 });
    });

    test('knows errors by their status', async () => {
      held().upstream.addFault({ fault: 'context-length', times: 1 });
      const refused = generateText({ model: modelOf(), prompt, maxRetries: 0 });
      await expect(refused).rejects.toSatisfy(
        (error) =>
          APICallError.isInstance(error) &&
          error.statusCode === 400 &&
          !error.isRetryable &&
          (error.responseBody ?? '').includes('context_length_exceeded'),
      );
    });

    test('comes back by itself after a rate limit', async () => {
      held().upstream.addFault({ fault: 'rate-limit;retry_after_s=1', times: 1 });
      expect((await generateText({ model: modelOf(), prompt })).text.split(' ')).toHaveLength(16);
    });

    test('is told where a stream breaks off', async () => {
      held().upstream.addFault({ fault: 'error-mid-stream', times: 1 });
      const errors: unknown[] = [];
      const onError = ({ error }: { error: unknown }) => {
        errors.push(error);
      };
      const { fullStream } = streamText({
        model: modelOf(),
        prompt,
        maxOutputTokens: 400,
        onError,
        maxRetries: 0,
      });
      for await (const _part of fullStream);
      expect(errors, name).not.toEqual([]);
    });
  });

  describe('ai: the rest', () => {
    test.each([
      ['openai', () => openai().embedding(EMBEDDING_MODEL)],
      ['openai-compatible', () => compatible().embeddingModel(EMBEDDING_MODEL)],
    ])('embeds by %s', async (_, modelOf) => {
      const { embedding, usage } = await embed({ model: modelOf(), value: 'a b' });
      const { embeddings } = await embedMany({ model: modelOf(), values: ['a b', 'c'] });
      expect(embeddings[0]).toEqual(embedding);
      expect(usage.tokens).toBe(2);
    });

    test.each([
      ['openai', () => openai().completion(CHAT_MODEL)],
      ['openai-compatible', () => compatible().completionModel(CHAT_MODEL)],
    ])('completes by %s', async (_, modelOf) => {
      const { text } = await generateText({ model: modelOf(), prompt, maxOutputTokens: 5 });
      expect(text.trim().split(' ')).toHaveLength(5);
    });
  });
}
