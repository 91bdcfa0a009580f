import { describe, expect, test } from 'vitest';
import type { SafetyFilterSettings } from '../configuration/policies/policy-settings.ts';
import { safetyQuestion } from './safety-question.ts';
import { safetyVerdict } from './safety-verdict.ts';

const settings = (more: Partial<SafetyFilterSettings> = {}): SafetyFilterSettings => ({
  target: 'guard',
  format: 'openai-moderation',
  categories: null,
  threshold: null,
  action: 'block',
  onError: 'block',
  timeoutMs: 5_000,
  ...more,
});

const moderation = (flagged: boolean, scores: Record<string, number>): object => ({
  results: [
    { flagged: false, categories: {}, category_scores: {} },
    {
      flagged,
      categories: Object.fromEntries(Object.entries(scores).map(([name, score]) => [name, score > 0.5])),
      category_scores: scores,
    },
  ],
});
const guard = (content: string): object => ({ choices: [{ message: { role: 'assistant', content } }] });

describe('the verdict of the safety filter', () => {
  test.each([
    ['nothing flagged', settings(), moderation(false, { hate: 0.1 }), null, []],
    ['a category', settings(), moderation(true, { hate: 0.9, violence: 0.1 }), 'unsafe_content', ['hate']],
    [
      'a category that does not count',
      settings({ categories: ['violence'] }),
      moderation(true, { hate: 0.9 }),
      null,
      [],
    ],
    [
      'a score over the threshold',
      settings({ threshold: 0.2 }),
      moderation(false, { hate: 0.3 }),
      'unsafe_content',
      ['hate'],
    ],
    ['a score under the threshold', settings({ threshold: 0.4 }), moderation(true, { hate: 0.3 }), null, []],
    ['only a flag', settings({ action: 'flag' }), moderation(true, { hate: 0.9 }), null, ['hate']],
    ['the word safe', settings({ format: 'llama-guard' }), guard('\n\nsafe'), null, []],
    [
      'the word unsafe',
      settings({ format: 'llama-guard' }),
      guard('unsafe\nS1,S10'),
      'unsafe_content',
      ['S1', 'S10'],
    ],
    [
      'unsafe without a category',
      settings({ format: 'llama-guard', categories: ['S1'] }),
      guard('unsafe'),
      'unsafe_content',
      ['unsafe'],
    ],
    [
      'another word',
      settings({ format: 'llama-guard' }),
      guard('I cannot say'),
      'safety_check_failed',
      ['no-verdict'],
    ],
    ['no answer', settings(), undefined, 'safety_check_failed', ['no-verdict']],
    ['no answer, where that is let pass', settings({ onError: 'flag' }), undefined, null, ['no-verdict']],
    ['an answer of another shape', settings(), { error: 'x' }, 'safety_check_failed', ['no-verdict']],
    ['no result', settings(), { results: [] }, 'safety_check_failed', ['no-verdict']],
  ])('on %s', (_, filter, answer, code, rules) => {
    const verdict = safetyVerdict(filter, answer);
    expect(verdict.denial?.code ?? null).toBe(code);
    expect(verdict.findings.map(({ rule }) => rule)).toEqual(rules);
  });

  test('records no category that could be a text', () => {
    const verdict = safetyVerdict(
      settings({ format: 'llama-guard' }),
      guard(`unsafe\n${'because he said '.repeat(20)}`),
    );
    expect(verdict.findings.map(({ rule }) => rule)).toEqual(['unsafe']);
  });

  test('is asked for with all texts at once, in the form that the judge knows', () => {
    expect(safetyQuestion(settings(), 'm', ['a', 'b'])).toEqual({
      path: '/moderations',
      body: { model: 'm', input: ['a', 'b'] },
    });
    expect(safetyQuestion(settings({ format: 'llama-guard' }), 'm', ['a', 'b'])).toMatchObject({
      path: '/chat/completions',
      body: { model: 'm', messages: [{ role: 'user', content: 'a\n\nb' }], temperature: 0 },
    });
  });
});
