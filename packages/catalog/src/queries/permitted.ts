import type { Catalog } from '../catalog.ts';
import { assess } from './assess.ts';
import {
  type Alternative,
  describeAlternative,
  nearestAlternative,
  type Offer,
} from './nearest-alternative.ts';
import type { Assessment, Question, Rule } from './question.ts';

export type Verdict =
  | ({ readonly allowed: true } & Assessment)
  | ({
      readonly allowed: false;
      readonly rule: Rule;
      readonly message: string;
      readonly alternative: Alternative | null;
    } & Assessment);

/**
 * Whether a call may be made, at an instant. Where it may not, the first rule against it, and the nearest that may.
 *
 * @param offers what is at hand; its alternatives come before those of the catalogue at large
 */
export function permitted(catalog: Catalog, question: Question, offers: readonly Offer[] = []): Verdict {
  const assessment = assess(catalog, question);
  const [first] = assessment.breaches;
  if (first === undefined) return { allowed: true, ...assessment };
  const alternative = nearestAlternative(catalog, question, offers);
  const advice =
    alternative === null
      ? 'Nothing in the catalogue is permitted instead.'
      : `Nearest permitted: ${describeAlternative(alternative)}.`;
  return {
    allowed: false,
    rule: first.rule,
    message: `${first.message} ${advice}`,
    alternative,
    ...assessment,
  };
}
