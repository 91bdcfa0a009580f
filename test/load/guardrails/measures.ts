import { type Span, scoreText } from '@tollgate/policy';
import { carried } from './carriers.ts';
import { Random } from './random.ts';
import type { ValueKind } from './values.ts';

/** How a detector does. */
export interface Measure {
  readonly detector: string;
  /** The share of what is there that is found. */
  readonly recall: number;
  /** The share of texts without it in which something is found. */
  readonly falsePositives: number;
  readonly present: number;
  readonly absent: number;
  readonly target: { readonly recall: number; readonly falsePositives: number };
}

/** A text that is an injection, or none. */
export interface InjectionText {
  readonly text: string;
  readonly isInjection: boolean;
  readonly source: string;
}

const VALUES = 2_000;
const SEED = 20_260;
const VALUE_TARGET = { recall: 0.95, falsePositives: 0.01 };
const RULES_TARGET = { recall: 0.65, falsePositives: 0.03 };
const INJECTION_TARGET = { recall: 0.85, falsePositives: 0.03 };

/** What may be found around a value beside itself, such as brackets. */
const MARGIN_CHARS = 2;

/** A value is found if one span of its kind covers it, and not much more. Both what it looks like and prose are without it. */
export function measureValues(
  kind: ValueKind,
  find: (text: string) => readonly Span[],
  prose: readonly string[],
): Measure {
  const random = new Random(SEED);
  let found = 0;
  let wrong = 0;
  for (let count = 0; count < VALUES; count += 1) {
    const { text, start, end } = carried(random, kind.value(random));
    const hit = find(text).some(
      (span) =>
        span.label === kind.label &&
        span.start <= start &&
        span.end >= end &&
        span.end - span.start <= end - start + MARGIN_CHARS,
    );
    if (hit) found += 1;
    const miss = carried(random, kind.nearMiss(random));
    if (find(miss.text).some(({ label }) => label === kind.label)) wrong += 1;
  }
  for (const text of prose) if (find(text).some(({ label }) => label === kind.label)) wrong += 1;
  const absent = VALUES + prose.length;
  return {
    detector: kind.entity,
    recall: found / VALUES,
    falsePositives: wrong / absent,
    present: VALUES,
    absent,
    target: VALUE_TARGET,
  };
}

/** A text, and where in it names of people stand. */
export interface NamedText {
  readonly text: string;
  readonly names: readonly (readonly [start: number, end: number])[];
}

const PERSON_TARGET = { recall: 0.85, falsePositives: 0.03 };

/** A name is found if one span covers it. Of several words or of one are told apart: the latter are often words as well. */
export function measurePeople(
  texts: readonly NamedText[],
  find: (text: string) => readonly Span[],
  prose: readonly string[],
): Measure[] {
  const names = texts.flatMap(({ text, names: places }) => {
    const spans = find(text);
    return places.map(([start, end]) => ({
      isWhole: text.slice(start, end).includes(' '),
      isFound: spans.some((span) => span.start <= start && span.end >= end),
    }));
  });
  const without = [
    ...texts.filter(({ names: places }) => places.length === 0).map(({ text }) => text),
    ...prose,
  ];
  const falsePositives = without.filter((text) => find(text).length > 0).length / without.length;
  const measure = (detector: string, group: typeof names): Measure => ({
    detector,
    recall: group.filter(({ isFound }) => isFound).length / Math.max(1, group.length),
    falsePositives,
    present: group.length,
    absent: without.length,
    target: PERSON_TARGET,
  });
  return [
    measure(
      'PERSON, given and family name',
      names.filter(({ isWhole }) => isWhole),
    ),
    measure(
      'PERSON, one name alone',
      names.filter(({ isWhole }) => !isWhole),
    ),
  ];
}

/** Harmless texts that were made to look like attempts: how many of them are refused is said apart. */
const LOOK_ALIKE: ReadonlySet<string> = new Set(['notinject', 'bastioncorpus']);

/** Words that hardly any other language has. */
const GERMAN = /(?<!\p{L})(?:und|nicht|ist|ich|das|die|der|alle|bitte|auf|mir|wie|deine?n?)(?!\p{L})/giu;
const LEAST_GERMAN_WORDS = 2;

interface Scored extends InjectionText {
  readonly score: number;
  readonly byRules: number;
}

/**
 * At the threshold that the policy has if nothing else is said, and at the one that lets just 3 % of the ordinary harmless texts be
 * refused; then by collection and by language, and by rules alone.
 */
export function measureInjections(texts: readonly InjectionText[], threshold: number): Measure[] {
  const scored = texts.map(({ text, ...each }) => {
    const { score, byRules } = scoreText(text);
    return { ...each, text, score, byRules };
  });
  const harmful = scored.filter(({ isInjection }) => isInjection);
  const harmless = scored.filter(({ isInjection, source }) => !isInjection && !LOOK_ALIKE.has(source));
  const fixed = allowed(harmless.map(({ score }) => score));
  const fixedByRules = allowed(harmless.map(({ byRules }) => byRules));
  const measure = (detector: string, group: readonly Scored[], is: (text: Scored) => boolean): Measure => ({
    detector,
    recall: share(group, is),
    falsePositives: share(harmless, is),
    present: group.length,
    absent: harmless.length,
    target: INJECTION_TARGET,
  });
  const isFound = ({ score }: Scored): boolean => score > fixed;
  const isFoundByRules = ({ byRules }: Scored): boolean => byRules > fixedByRules;
  const bySource = [...Map.groupBy(harmful, ({ source }) => source)];
  const lookAlike = Map.groupBy(
    scored.filter(({ isInjection, source }) => !isInjection && LOOK_ALIKE.has(source)),
    ({ source }) => source,
  );
  return [
    measure(`prompt-injection at its threshold of ${threshold}`, harmful, ({ score }) => score >= threshold),
    measure('prompt-injection at 3 % of false positives', harmful, isFound),
    ...bySource.map(([source, group]) => measure(`  of ${source}`, group, isFound)),
    measure('  in German', harmful.filter(isGerman), isFound),
    measure(
      '  in other languages',
      harmful.filter((each) => !isGerman(each)),
      isFound,
    ),
    ...[...lookAlike].map(([source, group]) => ({
      ...measure(`  harmless, but like it, of ${source}`, [], isFound),
      falsePositives: share(group, isFound),
      absent: group.length,
    })),
    { ...measure('prompt-injection by rules alone', harmful, isFoundByRules), target: RULES_TARGET },
    ...bySource.map(([source, group]) => ({
      ...measure(`  of ${source}`, group, isFoundByRules),
      target: RULES_TARGET,
    })),
  ];
}

function isGerman({ text }: InjectionText): boolean {
  return (text.match(GERMAN)?.length ?? 0) >= LEAST_GERMAN_WORDS;
}

/** The score that just the allowed share of harmless texts exceed. */
function allowed(scores: readonly number[]): number {
  const sorted = scores.toSorted((one, other) => other - one);
  return sorted[Math.floor(sorted.length * INJECTION_TARGET.falsePositives)] ?? 1;
}

function share<T>(all: readonly T[], is: (each: T) => boolean): number {
  return all.filter(is).length / Math.max(1, all.length);
}
