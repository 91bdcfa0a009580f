import type { SafetyFilterSettings } from '../configuration/policy-settings.ts';

/**
 * Whom the safety filter asks: what the gateway implements, by the target that the settings name. Rejects where no answer is to be
 * had in time; an answer that says nothing is for {@link safetyVerdict} to judge.
 */
export interface SafetyPort {
  /**
   * @param path below the target's `base_url`
   * @param body to be sent as JSON
   * @returns the parsed body of a successful answer
   */
  ask(
    path: string,
    body: object,
    options: { readonly timeoutMs: number; readonly signal: AbortSignal },
  ): Promise<unknown>;
}

/** What is sent to the judge. */
export interface SafetyQuestion {
  readonly path: string;
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
