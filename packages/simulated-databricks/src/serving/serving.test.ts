import { describe, expect, test } from 'vitest';
import { FOUNDATION_MODELS } from './endpoints.ts';
import { countWords } from './words.ts';
import {
  CHAT,
  CHAT_MODEL,
  COMPLETIONS,
  EMBEDDING_MODEL,
  EMBEDDINGS,
  eventsOf,
  workspaceUnderTest,
} from './workspace-under-test.ts';

describe('a chat completion', () => {
  test('counts the words of every message and generates exactly max_tokens words', async () => {
    const { chat } = await workspaceUnderTest({ now: () => 1_700_000_000_999 });
    const messages = [
      { role: 'system', content: ' Be  brief.\n' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'What is' },
          { type: 'image_url', image_url: {} },
          { type: 'text', text: 'this?' },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [{ function: { name: 'not counted', arguments: '{}' } }],
      },
      { role: 'tool', name: 'not counted', content: 'a cat' },
    ];
    const { status, headers, text } = await chat({
      messages,
      max_tokens: 5,
      tools: [{ description: 'not counted' }],
    });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('application/json');
    expect(JSON.parse(text)).toEqual({
      id: headers['x-request-id'],
      object: 'chat.completion',
      created: 1_700_000_000,
      model: CHAT_MODEL,
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'every call leaves one line' },
          logprobs: null,
          finish_reason: 'length',
        },
      ],
      usage: { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12 },
    });
  });

  test.each([
    ['max_tokens', { max_tokens: 3 }, {}, 3, 'length'],
    ['max_completion_tokens', { max_tokens: null, max_completion_tokens: 4 }, {}, 4, 'length'],
    ['nothing, so the default', { max_tokens: undefined }, {}, 16, 'stop'],
    ['a header below max_tokens', {}, { 'x-simulated-output-tokens': '6' }, 6, 'stop'],
    ['a header above max_tokens, which still caps', {}, { 'x-simulated-output-tokens': '60' }, 10, 'length'],
    ['a member of the body', { simulated: { output_tokens: 2 } }, {}, 2, 'stop'],
    ['no words at all', { max_tokens: 0 }, {}, 0, 'length'],
  ])('is as long as asked by %s', async (_, members, headers, words, finish) => {
    const { chat } = await workspaceUnderTest();
    const { choices, usage } = JSON.parse((await chat(members, headers)).text);
    expect(countWords(choices[0].message.content)).toBe(words);
    expect(usage.completion_tokens).toBe(words);
    expect(choices[0].finish_reason).toBe(finish);
  });

  test('comes as chunks of the words asked for, the finish reason, and [DONE]', async () => {
    const { chat } = await workspaceUnderTest({ wordsPerChunk: 4 });
    const { status, headers, text } = await chat({ stream: true });
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/event-stream; charset=utf-8');
    const events = eventsOf(text);
    expect(events.pop()).toBe('[DONE]');
    const chunks = events.map((event) => JSON.parse(event));
    expect(
      chunks.map(({ choices }) => [countWords(choices[0].delta.content), choices[0].finish_reason]),
    ).toEqual([
      [4, null],
      [4, null],
      [2, null],
      [0, 'length'],
    ]);
    expect(chunks.every((chunk) => chunk.object === 'chat.completion.chunk' && !('usage' in chunk))).toBe(
      true,
    );
    const whole = JSON.parse((await chat()).text).choices[0].message.content;
    expect(chunks.map(({ choices }) => choices[0].delta.content).join('')).toBe(whole);
  });

  test('states usage in a last chunk without choices if asked, and null before', async () => {
    const { chat } = await workspaceUnderTest();
    const { text } = await chat({ stream: true, stream_options: { include_usage: true } });
    const events = eventsOf(text);
    const [last, ...before] = events
      .slice(0, -1)
      .map((event) => JSON.parse(event))
      .reverse();
    expect(last).toMatchObject({
      choices: [],
      usage: { prompt_tokens: 3, completion_tokens: 10, total_tokens: 13 },
    });
    expect(before.map(({ usage }) => usage)).toEqual([null, null, null]);
  });

  test('of many words arrives whole through a small window of the network', async () => {
    const { chat } = await workspaceUnderTest({ wordsPerChunk: 1 });
    const { text } = await chat({ stream: true, max_tokens: 20_000 });
    const events = eventsOf(text);
    expect(events).toHaveLength(20_002);
  });

  test('is also given under the path of its endpoint, whatever model the body names', async () => {
    const { send } = await workspaceUnderTest();
    const body = { model: 'another', messages: [{ role: 'user', content: 'hi' }], max_tokens: 1 };
    const { status, text } = await send('POST', `/serving-endpoints/${CHAT_MODEL}/invocations?x=1`, body);
    expect(status).toBe(200);
    expect(JSON.parse(text)).toMatchObject({ model: CHAT_MODEL, usage: { total_tokens: 2 } });
  });
});

describe('a text completion', () => {
  test('counts a prompt, or several, and gives text', async () => {
    const { send } = await workspaceUnderTest();
    const { text } = await send('POST', COMPLETIONS, {
      model: CHAT_MODEL,
      prompt: ['a b', 'c'],
      max_tokens: 2,
    });
    expect(JSON.parse(text)).toMatchObject({
      object: 'text_completion',
      choices: [{ text: 'every call', finish_reason: 'length' }],
      usage: { prompt_tokens: 3, completion_tokens: 2, total_tokens: 5 },
    });
    const stream = await send('POST', COMPLETIONS, {
      model: CHAT_MODEL,
      prompt: 'a',
      max_tokens: 2,
      stream: true,
    });
    expect(
      eventsOf(stream.text).map((event) => (event === '[DONE]' ? event : JSON.parse(event).choices[0].text)),
    ).toEqual(['every call', '', '[DONE]']);
  });
});

describe('embeddings', () => {
  test('are one vector per text, equal for equal texts, with no completion tokens', async () => {
    const { send } = await workspaceUnderTest();
    const { text } = await send('POST', EMBEDDINGS, { model: EMBEDDING_MODEL, input: ['a b', 'c', 'a b'] });
    const { object, data, usage } = JSON.parse(text);
    expect(object).toBe('list');
    expect(usage).toEqual({ prompt_tokens: 5, total_tokens: 5 });
    expect(
      data.map(({ index, embedding }: { index: number; embedding: number[] }) => [index, embedding.length]),
    ).toEqual([
      [0, 1_024],
      [1, 1_024],
      [2, 1_024],
    ]);
    expect(data[0].embedding).toEqual(data[2].embedding);
    expect(data[0].embedding).not.toEqual(data[1].embedding);
  });

  test('are the same numbers in base64, and as short as asked', async () => {
    const { send } = await workspaceUnderTest();
    const embed = async (members: Record<string, unknown>) =>
      JSON.parse(
        (await send('POST', EMBEDDINGS, { model: EMBEDDING_MODEL, input: 'a', dimensions: 5, ...members }))
          .text,
      );
    const floats: number[] = (await embed({})).data[0].embedding;
    const bytes = Buffer.from((await embed({ encoding_format: 'base64' })).data[0].embedding, 'base64');
    expect(floats).toHaveLength(5);
    expect(floats).toEqual([0, 4, 8, 12, 16].map((at) => bytes.readFloatLE(at)));
  });

  test('count a token number as one token, in one list or several', async () => {
    const { send } = await workspaceUnderTest();
    const count = async (input: unknown) => {
      const { data, usage } = JSON.parse(
        (await send('POST', EMBEDDINGS, { model: EMBEDDING_MODEL, input })).text,
      );
      return [data.length, usage.prompt_tokens];
    };
    expect(await count([5, 6, 7])).toEqual([1, 3]);
    expect(await count([[5, 6], [7]])).toEqual([2, 3]);
    expect(await count('one two')).toEqual([1, 2]);
  });

  test('are given under the path of their endpoint too', async () => {
    const { send } = await workspaceUnderTest();
    const { text } = await send('POST', `/serving-endpoints/${EMBEDDING_MODEL}/invocations`, {
      input: 'a b c',
    });
    expect(JSON.parse(text)).toMatchObject({ object: 'list', usage: { prompt_tokens: 3 } });
  });
});

describe('a request that is wrong', () => {
  const good = { model: CHAT_MODEL, messages: [{ role: 'user', content: 'a' }] };

  test('gets 401 without a credential and 403 with a wrong one, in the numeric form of Databricks', async () => {
    const { send, workspace } = await workspaceUnderTest();
    const { status, text } = await send('POST', CHAT, good, { authorization: 'Bearer dapi-wrong' });
    expect([status, JSON.parse(text)]).toEqual([403, { error_code: 403, message: 'Invalid access token.' }]);
    const response = await fetch(workspace.url + CHAT, { method: 'POST', body: JSON.stringify(good) });
    expect([response.status, await response.json()]).toMatchObject([401, { error_code: 401 }]);
    expect((await send('GET', '/simulation/stats', undefined, { authorization: 'x' })).status).toBe(403);
  });

  test('follows a rotation of tokens at once', async () => {
    const { chat, workspace } = await workspaceUnderTest();
    workspace.setTokens(['new']);
    expect((await chat()).status).toBe(403);
    expect((await chat({}, { authorization: 'Bearer new' })).status).toBe(200);
    workspace.setTokens(null);
    expect((await chat({}, { authorization: 'Bearer anything' })).status).toBe(200);
  });

  test.each([
    ['an unknown model', CHAT, { ...good, model: 'nobody' }, 404, 'ENDPOINT_NOT_FOUND'],
    ['an unknown endpoint', '/serving-endpoints/nobody/invocations', good, 404, 'RESOURCE_DOES_NOT_EXIST'],
    ['an unknown path', '/serving-endpoints/speech', good, 404, 'ENDPOINT_NOT_FOUND'],
    ['a nameless endpoint', '/serving-endpoints/invocations', good, 404, 'ENDPOINT_NOT_FOUND'],
    ['broken JSON', CHAT, '{"model":', 400, 'MALFORMED_REQUEST'],
    ['a body that is no object', CHAT, '[]', 400, 'MALFORMED_REQUEST'],
    ['no model', CHAT, { messages: good.messages }, 400, 'BAD_REQUEST'],
    ['no messages', CHAT, { model: CHAT_MODEL, messages: [] }, 400, 'BAD_REQUEST'],
    ['a negative max_tokens', CHAT, { ...good, max_tokens: -1 }, 400, 'BAD_REQUEST'],
    ['several choices', CHAT, { ...good, n: 2 }, 400, 'BAD_REQUEST'],
    ['chat with an embedding model', CHAT, { ...good, model: EMBEDDING_MODEL }, 400, 'BAD_REQUEST'],
    ['embeddings of a chat model', EMBEDDINGS, { model: CHAT_MODEL, input: 'a' }, 400, 'BAD_REQUEST'],
    ['an invocation of nothing', `/serving-endpoints/${CHAT_MODEL}/invocations`, {}, 400, 'BAD_REQUEST'],
    ['a fault that does not exist', CHAT, { ...good, simulated: { fault: 'flood' } }, 400, 'BAD_REQUEST'],
    [
      'a directive that is no number',
      CHAT,
      { ...good, simulated: { latency_ms: 'long' } },
      400,
      'BAD_REQUEST',
    ],
  ])('is refused for %s', async (_, path, body, status, code) => {
    const { send, workspace } = await workspaceUnderTest();
    const received = await send('POST', path, body);
    expect([received.status, JSON.parse(received.text).error_code]).toEqual([status, code]);
    expect(workspace.stats()).toMatchObject({ requests: 1, refused: 1, served: 0 });
  });

  test('is refused with 413 above the limit, and the connection serves on', async () => {
    const { chat } = await workspaceUnderTest({ maxBodyBytes: 1_000 });
    expect((await chat({ messages: [{ role: 'user', content: 'x'.repeat(200_000) }] })).status).toBe(413);
    expect((await chat()).status).toBe(200);
  });

  test('finds any endpoint where the workspace is told to have them all', async () => {
    const { chat } = await workspaceUnderTest({ anyEndpoint: true });
    expect(JSON.parse((await chat({ model: 'my "own"' })).text).model).toBe('my "own"');
  });
});

describe('the list of endpoints', () => {
  test('names each with its task and state, which a test can change', async () => {
    const { send, workspace } = await workspaceUnderTest();
    const { endpoints } = JSON.parse((await send('GET', '/api/2.0/serving-endpoints')).text);
    expect(endpoints.map(({ name }: { name: string }) => name)).toEqual(
      FOUNDATION_MODELS.map(({ name }) => name),
    );
    const state = async (): Promise<unknown> =>
      JSON.parse((await send('GET', `/api/2.0/serving-endpoints/${CHAT_MODEL}`)).text).state;
    expect(await state()).toEqual({ ready: 'READY', config_update: 'NOT_UPDATING' });
    workspace.setEndpointState(CHAT_MODEL, 'NOT_READY');
    expect(await state()).toMatchObject({ ready: 'NOT_READY' });
    await send('PUT', `/simulation/endpoints/${CHAT_MODEL}`, { state: 'READY' });
    expect(await state()).toMatchObject({ ready: 'READY' });
  });

  test('fails when it is told to, whatever inference does', async () => {
    const { send, chat, workspace } = await workspaceUnderTest();
    const path = `/api/2.0/serving-endpoints/${CHAT_MODEL}`;
    workspace.setStateAnswer('internal-error');
    expect((await send('GET', path)).status).toBe(500);
    expect((await chat()).status).toBe(200);
    await send('PUT', '/simulation/state-answer', { answer: 'reset' });
    await expect(send('GET', path)).rejects.toThrow();
    workspace.setStateAnswer('usual');
    expect((await send('GET', path)).status).toBe(200);
    expect(workspace.statesAsked()).toBe(3);
  });

  test('knows every one where the workspace is told to have them all', async () => {
    const { send, workspace } = await workspaceUnderTest({ anyEndpoint: true });
    workspace.setEndpointState('mine', 'NOT_READY');
    expect(JSON.parse((await send('GET', '/api/2.0/serving-endpoints/mine')).text)).toMatchObject({
      name: 'mine',
      state: { ready: 'NOT_READY' },
    });
  });

  test('does not know others', async () => {
    const { send } = await workspaceUnderTest();
    const { status, text } = await send('GET', '/api/2.0/serving-endpoints/nobody');
    expect([status, JSON.parse(text).error_code]).toEqual([404, 'RESOURCE_DOES_NOT_EXIST']);
    expect((await send('DELETE', `/api/2.0/serving-endpoints/${CHAT_MODEL}`)).status).toBe(404);
  });
});
