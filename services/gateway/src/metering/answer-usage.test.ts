import fc from 'fast-check';
import { expect, test } from 'vitest';
import { answerUsage } from './answer-usage.ts';
import { reportedQuantities } from './reported-usage.ts';

const of = (answer: unknown) => answerUsage(Buffer.from(JSON.stringify(answer)));

const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 };
const quantities = {
  input_tokens: 11,
  output_tokens: 7,
  cached_input_tokens: 0,
  cache_creation_tokens: 0,
  reasoning_tokens: 0,
};

test('usage is read from the end of an answer', () => {
  expect(of({ choices: [{ message: { content: 'x'.repeat(10_000) } }], usage })).toEqual(quantities);
  expect(of({ usage, system_fingerprint: 'fp_1' })).toEqual(quantities);
});

test('usage is found where it stands before a long answer', () => {
  expect(of({ usage, choices: [{ message: { content: 'x'.repeat(10_000) } }] })).toEqual(quantities);
});

test('details of cached and reasoning tokens are read', () => {
  expect(
    of({
      usage: {
        ...usage,
        prompt_tokens_details: { cached_tokens: 4 },
        completion_tokens_details: { reasoning_tokens: 3 },
        cache_creation_input_tokens: 2,
      },
    }),
  ).toEqual({ ...quantities, cached_input_tokens: 4, cache_creation_tokens: 2, reasoning_tokens: 3 });
});

test('the usage of something else than the answer is not taken', () => {
  expect(of({ usage, provider: { usage: { prompt_tokens: 999, completion_tokens: 999 } } })).toEqual(
    quantities,
  );
  expect(of({ provider: { usage: { prompt_tokens: 999, completion_tokens: 999 } } })).toBeNull();
});

test('text that looks like usage is not taken for it', () => {
  const content = '"usage":{"prompt_tokens":999,"completion_tokens":999}}';
  expect(of({ choices: [{ message: { content } }], usage })).toEqual(quantities);
  expect(of({ usage, choices: [{ message: { content } }] })).toEqual(quantities);
  expect(of({ choices: [{ message: { content } }] })).toBeNull();
});

test.each([null, {}, { prompt_tokens: -1 }, { prompt_tokens: 1.5 }, { prompt_tokens: '3' }, [], 'usage'])(
  'usage that states nothing is none: %j',
  (nothing) => {
    expect(of({ usage: nothing })).toBeNull();
  },
);

test('an answer that is no JSON states none', () => {
  expect(answerUsage(Buffer.from('<html>"usage":{'))).toBeNull();
  expect(answerUsage(Buffer.from(''))).toBeNull();
});

test('for any JSON the result is that of a full parse', () => {
  const arbitrary = fc.dictionary(
    fc.constantFrom('usage', 'choices', 'x', '"usage"'),
    fc.oneof(
      fc.constant(usage),
      fc.jsonValue(),
      fc.record({ usage: fc.constant({ prompt_tokens: 5, completion_tokens: 5 }) }),
      fc.constant('"usage":{"prompt_tokens":3}}'),
    ),
  );
  fc.assert(
    fc.property(arbitrary, fc.constantFrom(0, 2), (answer, indent) => {
      const bytes = Buffer.from(JSON.stringify(answer, null, indent));
      expect(answerUsage(bytes)).toEqual(reportedQuantities(answer['usage']));
    }),
  );
});
