import { PASSED, type PolicyStep } from '../chain/policy-step.ts';
import type { PromptInjectionSettings } from '../configuration/policies/policy-settings.ts';
import { scoreText } from './score.ts';

/**
 * Looks for texts that want to make a model do what it was not set up for: rules over words and their meanings, weighed and
 * summed up to a score between 0 and 1, after what hides such words has been undone. It finds what is known, and some of
 * what is similar; it is no proof that a text is harmless.
 */
export function promptInjection({ threshold, action, exemptRoles }: PromptInjectionSettings): PolicyStep {
  const exempt = new Set(exemptRoles);
  return {
    name: 'prompt-injection',
    readsTexts: true,
    evaluate({ parts, texts }) {
      const counts = new Map<string, number>();
      for (const [index, text] of texts.entries()) {
        const role = parts[index]?.role;
        if (role !== undefined && exempt.has(role)) continue;
        const { score, rules } = scoreText(text);
        if (score < threshold) continue;
        for (const rule of rules) counts.set(rule, (counts.get(rule) ?? 0) + 1);
      }
      if (counts.size === 0) return PASSED;
      const findings = [...counts].map(([rule, count]) => ({
        policy: 'prompt-injection',
        rule,
        action,
        count,
      }));
      if (action === 'flag') return { ...PASSED, findings };
      const message =
        'The request reads like an attempt to override instructions, which the policy prompt-injection refuses.';
      return {
        ...PASSED,
        findings,
        denial: { policy: 'prompt-injection', code: 'prompt_injection_detected', status: 400, message },
      };
    },
  };
}
