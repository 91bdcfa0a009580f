import { RE2JS } from 're2js';
import { type Denial, type Finding, PASSED, type PolicyStep } from '../chain/policy-step.ts';
import type { DlpExpression, DlpFilterSettings } from '../configuration/policies/policy-settings.ts';
import type { Span } from '../texts/redactions.ts';
import { matchesOf, searchBudget } from './matches.ts';

const DENIAL: Denial = {
  policy: 'dlp-filter',
  code: 'dlp_match',
  status: 400,
  message: 'The request holds something that the policy dlp-filter does not let out.',
};

/**
 * Looks for the customer's own expressions. RE2 takes time in proportion to the text whatever the expression; it is asked
 * first whether there is a match at all, which costs a fifth of finding where, and nothing where a literal is missing.
 */
export function dlpFilter({ expressions, restore }: Omit<DlpFilterSettings, 'applyTo'>): PolicyStep {
  const compiled = expressions.map((expression) => ({
    expression,
    engine: RE2JS.compile(expression.regex),
    label: labelOf(expression),
  }));
  return {
    name: 'dlp-filter',
    readsTexts: true,
    evaluate({ texts, redactions }) {
      const findings: Finding[] = [];
      const spansOf = new Map<number, Span[]>();
      let denial: Denial | null = null;
      const budget = searchBudget();
      for (const { expression, engine, label } of compiled) {
        let count = 0;
        for (const [index, text] of texts.entries()) {
          if (!engine.test(text)) continue;
          const spans = matchesOf(engine, text, label, budget);
          count += Math.max(1, spans.length);
          if (expression.action !== 'redact') continue;
          // What is not found can't be taken out.
          if (budget.left < 0 || spans.length === 0) denial = DENIAL;
          spansOf.set(index, [...(spansOf.get(index) ?? []), ...spans]);
        }
        if (count === 0) continue;
        if (expression.action === 'block') denial = DENIAL;
        const { name, action } = expression;
        findings.push({ policy: 'dlp-filter', rule: name, action, count });
      }
      if (findings.length === 0) return PASSED;
      if (denial !== null || spansOf.size === 0) return { ...PASSED, denial, findings };
      const rewritten = texts.map((text, index) =>
        redactions.redact(text, spansOf.get(index) ?? [], restore),
      );
      return { ...PASSED, findings, texts: rewritten };
    },
  };
}

/** `jdbc-connection-string` becomes `JDBC_CONNECTION_STRING`; a name without a letter in front, `REDACTED`. */
export function labelOf({ name }: Pick<DlpExpression, 'name'>): string {
  const label = name
    .toUpperCase()
    .replace(/[^A-Z0-9]+/g, '_')
    .replace(/^[0-9_]+|_+$/g, '');
  return label === '' || name.startsWith('detect_patterns[') ? 'REDACTED' : label;
}
