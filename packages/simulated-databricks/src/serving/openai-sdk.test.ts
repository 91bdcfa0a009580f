import OpenAI from 'openai';
import { describe, expect, test } from 'vitest';
import { DEFAULT_TOKEN } from './workspace.ts';
import { CHAT_MODEL, EMBEDDING_MODEL, workspaceUnderTest } from './workspace-under-test.ts';

function clientOf(url: string, options: { maxRetries?: number } = {}): OpenAI {
  return new OpenAI({
    baseURL: `${url}/serving-endpoints`,
    apiKey: DEFAULT_TOKEN,
    maxRetries: 0,
    ...options,
  });
}

const messages = [{ role: 'user' as const, content: 'one two three' }];

describe('the OpenAI SDK', () => {
  test('reads a chat completion', async () => {
    const { url } = await workspaceUnderTest();
    const completion = await clientOf(url).chat.completions.create({
      model: CHAT_MODEL,
      messages,
      max_tokens: 4,
    });
    expect(completion.choices[0]?.message.content).toBe('every call leaves one');
    expect(completion.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 4, total_tokens: 7 });
    expect(completion._request_id).toMatch(/^simulated-/);
  });

  test('reads a stream and its usage', async () => {
    const { url } = await workspaceUnderTest({ wordsPerChunk: 3 });
    const stream = await clientOf(url).chat.completions.create({
      model: CHAT_MODEL,
      messages,
      max_completion_tokens: 7,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = '';
    let tokens: number | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      tokens = chunk.usage?.completion_tokens ?? tokens;
    }
    expect([text, tokens]).toEqual(['every call leaves one line in the', 7]);
  });

  test('collects a stream with its own helper', async () => {
    const { url } = await workspaceUnderTest();
    const runner = clientOf(url).chat.completions.stream({ model: CHAT_MODEL, messages, max_tokens: 2 });
    expect((await runner.finalChatCompletion()).choices[0]?.message.content).toBe('every call');
  });

  test('stops a stream, which the workspace notices', async () => {
    const { url, workspace } = await workspaceUnderTest({ chunkDelayMs: 5, wordsPerChunk: 1 });
    const stream = await clientOf(url).chat.completions.create({
      model: CHAT_MODEL,
      messages,
      max_tokens: 5_000,
      stream: true,
    });
    for await (const _ of stream) break;
    await expect.poll(() => workspace.stats()).toMatchObject({ aborted: 1, served: 0 });
  });

  test('reads embeddings, for which it asks base64 by itself', async () => {
    const { url } = await workspaceUnderTest();
    const client = clientOf(url);
    const base64 = await client.embeddings.create({ model: EMBEDDING_MODEL, input: ['a b', 'c'] });
    const floats = await client.embeddings.create({
      model: EMBEDDING_MODEL,
      input: ['a b', 'c'],
      encoding_format: 'float',
    });
    expect(base64.data.map(({ embedding }) => Array.from(embedding))).toEqual(
      floats.data.map(({ embedding }) => embedding),
    );
    expect(base64.data[1]?.embedding).toHaveLength(1_024);
    expect(base64.usage.prompt_tokens).toBe(3);
  });

  test('retries a rate limit by itself, as long as it was told', async () => {
    const { url, workspace } = await workspaceUnderTest({
      faults: [{ fault: 'rate-limit;retry_after_s=0', times: 2 }],
    });
    const completion = await clientOf(url, { maxRetries: 2 }).chat.completions.create({
      model: CHAT_MODEL,
      messages,
    });
    expect(completion.usage?.completion_tokens).toBe(16);
    expect(workspace.stats()).toMatchObject({ requests: 3, refused: 2, served: 1 });
  });

  test('maps errors by their status', async () => {
    const { url } = await workspaceUnderTest();
    const failing = (model: string): Promise<unknown> =>
      clientOf(url)
        .chat.completions.create({ model, messages })
        .catch((error: unknown) => error);
    expect(await failing('nobody')).toBeInstanceOf(OpenAI.NotFoundError);
    expect(await failing('simulated-rate-limit')).toBeInstanceOf(OpenAI.RateLimitError);
    expect(await failing('simulated-internal-error')).toBeInstanceOf(OpenAI.InternalServerError);
    expect(await failing('simulated-reset-before-answer')).toBeInstanceOf(OpenAI.APIConnectionError);
  });
});
