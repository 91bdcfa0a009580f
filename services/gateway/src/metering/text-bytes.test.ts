import { expect, test } from 'vitest';
import { answerTextBytes, responsesTextBytes } from './text-bytes.ts';

const bytes = (answer: unknown) => answerTextBytes(Buffer.from(JSON.stringify(answer)));
const said = (message: object) => ({ choices: [{ message }] });

test.each([
  ['a text', said({ content: 'héllo' }), 6],
  [
    'parts, reasoning among them, without pictures',
    said({
      content: [
        { type: 'reasoning', summary: [{ type: 'summary_text', text: 'abc' }] },
        { type: 'text', text: 'de' },
        { type: 'image', image_url: { url: 'data:xxxx' } },
      ],
    }),
    5,
  ],
  ['a call of a tool', said({ content: null, tool_calls: [{ function: { arguments: '{}' } }] }), 2],
  ['a completion', { choices: [{ text: 'abc' }] }, 3],
  [
    'a response',
    {
      output: [
        { type: 'reasoning', summary: [{ type: 'summary_text', text: 'ab' }] },
        { type: 'message', content: [{ type: 'output_text', text: 'cd' }] },
        { type: 'function_call', arguments: '{}' },
      ],
    },
    6,
  ],
  ['vectors', { data: [{ embedding: [1] }] }, 0],
  ['predictions', { predictions: ['x'] }, 0],
])('the text in %s is what an estimate is made from', (_, answer, expected) => {
  expect(bytes(answer)).toBe(expected);
});

test('of a response that is streamed, the deltas count and what repeats them does not', () => {
  const block = 'data: {"delta":"ab"}\n\ndata: {"delta":"c\\"d"}\n\ndata: {"text":"abcd"}\n\n';
  expect(responsesTextBytes(Buffer.from(block))).toBe(6);
});
