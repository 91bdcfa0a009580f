import { PASSED, type PolicyStep, type StepVerdict } from '../chain/policy-step.ts';
import type { PiiDetectorSettings } from '../configuration/policies/policy-settings.ts';
import type { PiiEntity } from '../configuration/schema/policy-schemas.ts';
import type { Span } from '../texts/redactions.ts';
import { findCreditCards } from './credit-card.ts';
import { DigitRuns } from './digit-runs.ts';
import { findEmailAddresses } from './email-address.ts';
import { folded } from './folded-text.ts';
import { findIbans } from './iban.ts';
import { findIpv4Addresses, findIpv6Addresses } from './ip-address.ts';
import { findPersonNames } from './person/find-person-names.ts';
import { PhoneNumberFinder } from './phone-number.ts';
import { findSocialSecurityNumbers } from './us-ssn.ts';

/** What placeholders and spans call the entities. */
export const ENTITY_OF: ReadonlyMap<string, PiiEntity> = new Map<string, PiiEntity>([
  ['PERSON', 'PERSON'],
  ['EMAIL', 'EMAIL_ADDRESS'],
  ['PHONE', 'PHONE_NUMBER'],
  ['CREDIT_CARD', 'CREDIT_CARD'],
  ['IBAN', 'IBAN'],
  ['SSN', 'US_SSN'],
  ['IP', 'IP_ADDRESS'],
]);

/** Finds what tells of people, in one text; spans do not overlap, and are in their order. */
export type PiiFinder = (text: string) => readonly Span[];

/** Looks for what tells of people, and redacts it, refuses the request, or only says so. */
export function piiDetector(settings: Omit<PiiDetectorSettings, 'applyTo'>): PolicyStep {
  const find = piiFinder(settings);
  const { action, restore } = settings;
  return {
    name: 'pii-detector',
    readsTexts: true,
    evaluate({ texts, redactions }): StepVerdict {
      const counts = new Map<string, number>();
      const found = texts.map((text) => {
        const spans = find(text);
        for (const { label } of spans) counts.set(label, (counts.get(label) ?? 0) + 1);
        return spans;
      });
      if (counts.size === 0) return PASSED;
      const findings = [...counts].map(([label, count]) => ({
        policy: 'pii-detector',
        rule: ENTITY_OF.get(label) ?? label,
        action,
        count,
      }));
      if (action === 'block') {
        const rules = findings.map(({ rule }) => rule).join(', ');
        const message = `The request tells of people (${rules}), which the policy pii-detector does not let out.`;
        return {
          ...PASSED,
          findings,
          denial: { policy: 'pii-detector', code: 'pii_detected', status: 400, message },
        };
      }
      if (action === 'flag') return { ...PASSED, findings };
      const rewritten = texts.map((text, index) => redactions.redact(text, found[index] ?? [], restore));
      return { ...PASSED, findings, texts: rewritten };
    },
  };
}

/**
 * Looks for the entities asked for. Where two claim the same place, the more certain one has it: what has check digits before
 * what has only a shape.
 */
export function piiFinder({
  entities,
  phoneRegions,
}: Pick<PiiDetectorSettings, 'entities' | 'phoneRegions'>): PiiFinder {
  const wanted = new Set(entities);
  const phones = wanted.has('PHONE_NUMBER') ? new PhoneNumberFinder(phoneRegions) : null;
  const numbers = entities.some((entity) => entity !== 'PERSON' && entity !== 'EMAIL_ADDRESS');
  const findIn = (text: string): Span[] => {
    const spans: Span[] = [];
    if (wanted.has('EMAIL_ADDRESS')) findEmailAddresses(text, spans);
    if (wanted.has('IP_ADDRESS') && text.includes(':')) findIpv6Addresses(text, spans);
    if (numbers) {
      const runs = new DigitRuns(text);
      if (runs.count > 0) {
        if (wanted.has('IBAN')) findIbans(text, runs, spans);
        if (wanted.has('CREDIT_CARD')) findCreditCards(text, runs, spans);
        if (wanted.has('IP_ADDRESS')) findIpv4Addresses(text, runs, spans);
        if (wanted.has('US_SSN')) findSocialSecurityNumbers(text, runs, spans);
        phones?.find(text, runs, spans);
      }
    }
    if (wanted.has('PERSON')) findPersonNames(text, spans);
    return spans.length < 2 ? spans : withoutRivals(spans);
  };
  return (text) => {
    const other = folded(text);
    return other === null ? findIn(text) : other.originals(findIn(other.text));
  };
}

/** Spans that meet become one, named by the earlier finder, which is the more certain one. */
function withoutRivals(spans: readonly Span[]): Span[] {
  const order = spans.map((_, rank) => rank);
  const startOf = (rank: number): number => spans[rank]?.start ?? 0;
  order.sort((one, other) => startOf(one) - startOf(other) || one - other);
  const kept: Span[] = [];
  let last: Span | null = null;
  let lastRank = 0;
  for (const rank of order) {
    const span = spans[rank];
    if (span === undefined) continue;
    if (last === null || span.start >= last.end) {
      last = span;
      lastRank = rank;
      kept.push(span);
      continue;
    }
    const label: string = rank < lastRank ? span.label : last.label;
    lastRank = Math.min(rank, lastRank);
    last = { start: last.start, end: Math.max(last.end, span.end), label };
    kept[kept.length - 1] = last;
  }
  return kept;
}
