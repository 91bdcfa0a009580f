import { describe, expect, test } from 'vitest';
import { RequestTexts } from './request-texts.ts';

const textsOf = (body: unknown): string[] =>
  new RequestTexts(body).parts.map(({ role, text }) => `${role}: ${text}`);

describe('the texts of a request', () => {
  test('are those of all roles, of content parts, and of tool calls and their results', () => {
    const body = {
      model: 'm',
      user: 'someone@example.com',
      stop: ['END'],
      messages: [
        { role: 'system', content: 'Be brief.' },
        {
          role: 'user',
          name: 'alice',
          content: [
            { type: 'text', text: 'What is this?' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA', detail: 'low' } },
            { type: 'image_url', image_url: { url: 'https://x.net/?q=secret' } },
            { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
          ],
        },
        {
          role: 'assistant',
          content: null,
          refusal: 'No.',
          reasoning_content: 'Hm.',
          tool_calls: [
            {
              id: 'c',
              type: 'function',
              function: { name: 'f', arguments: '{"to":["a\\u0040b.net"],"card":4111111111111111}' },
            },
          ],
        },
        { role: 'tool', tool_call_id: 'c', content: 'Sent.' },
        { role: 'function', name: 'f', content: 'Old.' },
        { role: 'developer', content: 'Mind this.' },
      ],
      tools: [
        {
          type: 'function',
          function: {
            name: 'f',
            description: 'Sends.',
            parameters: { type: 'object', properties: { to: { type: 'string', description: 'Whom.' } } },
          },
        },
      ],
      metadata: { trace: 'x' },
    };
    expect(textsOf(body)).toEqual([
      'system: Be brief.',
      'user: What is this?',
      'user: https://x.net/?q=secret',
      'assistant: No.',
      'assistant: Hm.',
      'assistant: to',
      'assistant: a@b.net',
      'assistant: card',
      'assistant: 4111111111111111',
      'tool: Sent.',
      'tool: Old.',
      'developer: Mind this.',
      'definition: f',
      'definition: Sends.',
      'definition: to',
      'definition: Whom.',
    ]);
  });

  test.each([
    ['one input to embed', { model: 'm', input: 'a' }, ['input: a']],
    ['several inputs to embed', { model: 'm', input: ['a', 'b'] }, ['input: a', 'input: b']],
    ['tokens given by number, which are none', { model: 'm', input: [[1, 2], [3]] }, []],
    ['a prompt to complete', { prompt: ['a'], suffix: 'b' }, ['input: a', 'input: b']],
    [
      'the items of a response',
      {
        instructions: 'i',
        input: [
          { role: 'user', content: [{ type: 'input_text', text: 'a' }] },
          { type: 'function_call_output', call_id: 'c', output: 'o' },
          { type: 'function_call', name: 'f', call_id: 'c', arguments: '{"x":"y"}' },
          { type: 'reasoning', summary: [{ type: 'summary_text', text: 'r' }], encrypted_content: 'gAAA' },
          { type: 'custom_tool_call_output', call_id: 'c', output: [{ type: 'input_text', text: 'p' }] },
        ],
        conversation: 'conv_1',
      },
      ['system: i', 'user: a', 'tool: o', 'assistant: x', 'assistant: y', 'assistant: r', 'tool: p'],
    ],
    [
      'the records of another model',
      { dataframe_records: [{ name: 'Ann', age: 3, id: 'x' }] },
      ['input: Ann', 'input: age', 'input: x'],
    ],
    [
      'members that nobody knows',
      { extra: { deep: ['a'], name: 'Ann', at: 12 } },
      ['input: extra', 'input: deep', 'input: a', 'input: Ann', 'input: at'],
    ],
    [
      'arguments that are no JSON',
      { messages: [{ role: 'assistant', tool_calls: [{ function: { arguments: '{oh' } }] }] },
      ['assistant: {oh'],
    ],
    ['nothing at all', { model: 'm' }, []],
  ])('are those of %s', (_, body, texts) => {
    expect(textsOf(body)).toEqual(texts);
  });

  test('go back where they were, also into the JSON of arguments, and nothing else changes', () => {
    const body = {
      model: 'm',
      messages: [
        { role: 'user', content: [{ type: 'text', text: 'a' }] },
        {
          role: 'assistant',
          tool_calls: [{ id: 'i', function: { name: 'f', arguments: '{ "x": "b", "n": 12345678 }' } }],
        },
        { role: 'assistant', tool_calls: [{ id: 'i', function: { name: 'f', arguments: '{ "x": "c" }' } }] },
      ],
    };
    const texts = new RequestTexts(body);
    texts.rewrite(texts.parts.map(({ text }, index) => (index > 4 ? text : `<${text}>`)));
    expect(body).toEqual({
      model: 'm',
      messages: [
        { role: 'user', content: [{ type: 'text', text: '<a>' }] },
        {
          role: 'assistant',
          tool_calls: [
            { id: 'i', function: { name: 'f', arguments: '{ "<x>": "<b>", "<n>": "<12345678>" }' } },
          ],
        },
        { role: 'assistant', tool_calls: [{ id: 'i', function: { name: 'f', arguments: '{ "x": "c" }' } }] },
      ],
    });
  });

  test('of a body nested without end are not read to the end, and that is said', () => {
    let deep: unknown = 'bottom';
    for (let level = 0; level < 1_000; level += 1) deep = { deep };
    const texts = new RequestTexts({ messages: [{ role: 'user', content: 'top' }], deep });
    expect(texts.isTooDeep).toBe(true);
    expect(texts.parts.filter(({ text }) => text !== 'deep')).toHaveLength(1);
  });

  test('are, in the JSON of arguments, all that stand there: names, members that stand there twice, escapes', () => {
    const args = String.raw`{"a": "first", "\u0061": "second", "deep": {"x\u0040y.zz": [12345678, 1.5, "\"q\""]}}`;
    const body = { messages: [{ role: 'assistant', tool_calls: [{ function: { arguments: args } }] }] };
    const texts = new RequestTexts(body);
    const found = texts.parts.map(({ text }) => text);
    expect(found).toEqual(['a', 'first', 'a', 'second', 'deep', 'x@y.zz', '12345678', '"q"']);
    texts.rewrite(found.map((text) => (text === 'first' || text === 'x@y.zz' ? `<${text}>` : text)));
    expect(body.messages[0]?.tool_calls[0]?.function.arguments).toBe(
      String.raw`{"a": "<first>", "\u0061": "second", "deep": {"<x@y.zz>": [12345678, 1.5, "\"q\""]}}`,
    );
  });

  test('are names of members, too, where no protocol lays them out, and go back as names', () => {
    const body = {
      'top@x.net': 1,
      extra: { 'in@x.net': ['v@x.net'], 'in2@x.net': null },
      messages: [{ role: 'user', content: 'c', 'odd@x.net': 'o@x.net' }],
      tools: [
        {
          type: 'function',
          function: {
            name: 'f',
            parameters: { type: 'object', properties: { 'p@x.net': { type: 'string', enum: ['e@x.net'] } } },
          },
        },
      ],
    };
    const texts = new RequestTexts(body);
    const addresses = texts.parts.map(({ text }) => text).filter((text) => text.includes('@'));
    expect(addresses.toSorted()).toEqual(
      [
        'e@x.net',
        'in2@x.net',
        'in@x.net',
        'o@x.net',
        'odd@x.net',
        'p@x.net',
        'top@x.net',
        'v@x.net',
      ].toSorted(),
    );
    texts.rewrite(
      texts.parts.map(({ text }) => (text.includes('@') ? `<${text.slice(0, text.indexOf('@'))}>` : text)),
    );
    expect(JSON.stringify(body)).not.toContain('@');
    expect(body).toMatchObject({
      '<top>': 1,
      extra: { '<in>': ['<v>'], '<in2>': null },
      messages: [{ role: 'user', content: 'c', '<odd>': '<o>' }],
      tools: [{ function: { name: 'f', parameters: { properties: { '<p>': { enum: ['<e>'] } } } } }],
    });
  });

  test('are a body without any where there are only names', () => {
    expect(new RequestTexts({ dataframe_split: { columns: [], data: [[1]] }, odd: 1 }).hasText).toBe(false);
    expect(new RequestTexts({ prompt: 'x' }).hasText).toBe(true);
  });
});
