import { z } from 'zod';
import { type Denial, type Finding, PASSED, type StepVerdict } from '../chain/policy-step.ts';
import type { SafetyFilterSettings } from '../configuration/policies/policy-settings.ts';

/** What a judge named is recorded, but not as a text of any length. */
const MAX_CATEGORIES = 32;
const CATEGORY = /^[\w/ .:-]{1,64}$/;

/** OpenAI's moderation endpoint, and those that answer like it: one result for each text. */
const moderation = z.object({
  results: z.array(
    z.object({
      flagged: z.boolean(),
      categories: z.record(z.string(), z.union([z.boolean(), z.null()])).default({}),
      category_scores: z.record(z.string(), z.number()).default({}),
    }),
  ),
});

/** A chat model that answers `safe`, or `unsafe` and on the next line its categories. */
const completion = z.object({
  choices: z.array(z.object({ message: z.object({ content: z.string() }) })).min(1),
});

/** What an answer means; `null`: it says nothing, which is for `on_error` to decide. */
export type Judgement = { readonly categories: readonly string[]; readonly flagged: boolean } | null;

/** Reads an answer of the judge. */
export function judgement(settings: SafetyFilterSettings, answer: unknown): Judgement {
  return settings.format === 'openai-moderation' ? fromModeration(settings, answer) : fromCompletion(answer);
}

/**
 * The policy's verdict.
 *
 * @param answer what the judge answered; `undefined`: nothing was to be had
 */
export function safetyVerdict(settings: SafetyFilterSettings, answer: unknown): StepVerdict {
  const judged = answer === undefined ? null : judgement(settings, answer);
  if (judged === null) {
    const message = 'The policy safety-filter had no verdict on the request. Try again.';
    const denial: Denial = { policy: 'safety-filter', code: 'safety_check_failed', status: 503, message };
    const finding: Finding = {
      policy: 'safety-filter',
      rule: 'no-verdict',
      action: settings.onError,
      count: 1,
    };
    return { ...PASSED, findings: [finding], denial: settings.onError === 'block' ? denial : null };
  }
  const wanted = judged.categories.filter((category) => settings.categories?.includes(category) ?? true);
  // A judge that names no category means the whole text; one that names only others than were asked for does not.
  const isUnsafe = judged.flagged && (wanted.length > 0 || judged.categories.length === 0);
  if (!isUnsafe) return PASSED;
  const rules = wanted.length === 0 ? ['unsafe'] : wanted;
  const findings = rules
    .slice(0, MAX_CATEGORIES)
    .map((rule): Finding => ({ policy: 'safety-filter', rule, action: settings.action, count: 1 }));
  if (settings.action === 'flag') return { ...PASSED, findings };
  const message = 'The request was judged unsafe, and the policy safety-filter refuses it.';
  return {
    ...PASSED,
    findings,
    denial: { policy: 'safety-filter', code: 'unsafe_content', status: 400, message },
  };
}

function fromModeration({ threshold }: SafetyFilterSettings, answer: unknown): Judgement {
  const parsed = moderation.safeParse(answer);
  if (!parsed.success || parsed.data.results.length === 0) return null;
  const categories = new Set<string>();
  let flagged = false;
  for (const result of parsed.data.results) {
    if (threshold === null) {
      flagged ||= result.flagged;
      for (const [category, holds] of Object.entries(result.categories))
        if (holds === true) categories.add(category);
    } else {
      for (const [category, score] of Object.entries(result.category_scores)) {
        if (score < threshold) continue;
        flagged = true;
        categories.add(category);
      }
    }
  }
  return { flagged, categories: named(categories) };
}

function fromCompletion(answer: unknown): Judgement {
  const parsed = completion.safeParse(answer);
  const content = parsed.data?.choices[0]?.message.content.trim();
  if (content === undefined) return null;
  const [word = '', ...rest] = content.split(/\s*\n\s*/);
  if (word.toLowerCase() === 'safe') return { flagged: false, categories: [] };
  if (word.toLowerCase() !== 'unsafe') return null;
  return {
    flagged: true,
    categories: named(
      new Set(
        rest
          .join(',')
          .split(',')
          .map((name) => name.trim()),
      ),
    ),
  };
}

function named(categories: ReadonlySet<string>): readonly string[] {
  return [...categories].filter((category) => CATEGORY.test(category));
}
