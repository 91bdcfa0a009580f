import type { SafetyFilterSettings } from '../configuration/policies/policy-settings.ts';

/** What is sent to the judge, who is asked by the gateway. */
export interface SafetyQuestion {
  /** Below the target's `base_url`. */
  readonly path: string;
  /** To be sent as JSON. */
  readonly body: object;
}

/** A judge needs one word and a list of categories for its answer. */
const MAX_ANSWER_TOKENS = 64;

/** The question about the texts of a request, all of them together. */
export function safetyQuestion(
  settings: SafetyFilterSettings,
  model: string,
  texts: readonly string[],
): SafetyQuestion {
  if (settings.format === 'openai-moderation') return { path: '/moderations', body: { model, input: texts } };
  const content = texts.join('\n\n');
  return {
    path: '/chat/completions',
    body: { model, messages: [{ role: 'user', content }], max_tokens: MAX_ANSWER_TOKENS, temperature: 0 },
  };
}
