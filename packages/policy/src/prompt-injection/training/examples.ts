import { readFeatures, WINDOW_WORDS } from '../learned/features.ts';
import type { Reading } from '../lexicon.ts';
import { RULES_WEIGHT, ruleWeights, total } from '../rule-weights.ts';
import type { Sample } from './corpora.ts';

/** Of longer texts, so many words are looked at. */
const MOST_WORDS = 700;

/** The features of a text, and where those of each word end. */
export interface Words {
  readonly features: Int32Array;
  readonly ends: Int32Array;
}

/** A text as it is learned from and judged. */
export interface Example extends Sample {
  /** What is learned from: of an injection what was unfolded last, of a harmless text what is longest. */
  readonly learned: Words;
  readonly readings: readonly Words[];
  /** What the rules add up to. */
  readonly byRules: number;
}

/** A piece of a text, by its features. */
export interface Window {
  readonly from: number;
  readonly to: number;
  readonly score: number;
}

export function exampleOf(sample: Sample): Example {
  const { weights, readings: read } = ruleWeights(sample.text);
  const readings = read.map(wordsOf);
  const longest = readings.toSorted((one, other) => other.ends.length - one.ends.length)[0];
  const learned = (sample.isInjection ? readings.at(-1) : longest) ?? NO_WORDS;
  return { ...sample, learned, readings, byRules: total(weights) };
}

/** The score of an example, without what all have in common. */
export function scoreOf({ readings, byRules }: Example, weights: Float64Array): number {
  const best = Math.max(...readings.map((words) => bestWindow(words, weights).score));
  return best + RULES_WEIGHT * byRules;
}

/** The window that scores highest. */
export function bestWindow({ features, ends }: Words, weights: Float64Array): Window {
  const scores = new Float64Array(ends.length);
  let sum = 0;
  let best: Window = { from: 0, to: features.length, score: Number.NEGATIVE_INFINITY };
  let feature = 0;
  for (const [index, end] of ends.entries()) {
    let score = 0;
    for (; feature < end; feature += 1) score += weights[features[feature] ?? 0] ?? 0;
    scores[index] = score;
    sum += score - (scores[index - WINDOW_WORDS] ?? 0);
    const isWhole = index >= WINDOW_WORDS - 1 || index === ends.length - 1;
    if (isWhole && sum > best.score) best = { from: ends[index - WINDOW_WORDS] ?? 0, to: end, score: sum };
  }
  return ends.length === 0 ? { ...best, score: 0 } : best;
}

/** The score that a share of harmless examples exceed, each collection counting alike. */
export function allowedScore(
  examples: readonly Example[],
  weights: Float64Array,
  falsePositives: number,
): number {
  const bySource = Map.groupBy(examples, ({ source }) => source);
  const scored = [...bySource.values()].flatMap((group) =>
    group.map((each) => ({ score: scoreOf(each, weights), share: 1 / group.length / bySource.size })),
  );
  let share = 0;
  for (const each of scored.toSorted((one, other) => other.score - one.score)) {
    share += each.share;
    if (share > falsePositives) return each.score;
  }
  return 0;
}

const NO_WORDS: Words = { features: new Int32Array(), ends: new Int32Array() };

function wordsOf(reading: Reading): Words {
  const features: number[] = [];
  const ends: number[] = [];
  readFeatures(reading, {
    add(feature) {
      if (ends.length < MOST_WORDS) features.push(feature);
    },
    endWord() {
      if (ends.length < MOST_WORDS) ends.push(features.length);
    },
  });
  return { features: Int32Array.from(features), ends: Int32Array.from(ends) };
}
