/**
 * Makes `learned/weights.json` from the texts of `corpora.ts`:
 *
 *     node train.ts FOLDER > ../learned/weights.json
 *
 * Logistic regression over the features of the window of words that scores highest, by stochastic gradient descent with a rate
 * for each weight (AdaGrad); features drop out at random, so that none is leant on alone, and the weights of the later rounds
 * are averaged. The same texts make the same file.
 */

import { FEATURES, readFeatures, WINDOW_WORDS } from '../learned/features.ts';
import { readText } from '../lexicon.ts';
import { RULES_WEIGHT, ruleWeights, total } from '../rule-weights.ts';
import { allSamples, type Sample } from './corpora.ts';

const ROUNDS = 16;
const RATE = 0.1;
const DROP_OUT = 0.5;
/** A feature that stands in fewer texts says nothing. */
const LEAST_TEXTS = 2;
/** How often the texts written for this are seen in a round: they are few, and each stands for a kind. */
const OWN_REPEATS = 10;
/** An injection that is missed counts so many times a harmless text that is not let through. */
const INJECTION_WEIGHT = 2;
const MAX_WEIGHT = 2.5;
const MAX_STEPS = 127;
/** Of harmless texts, the share that may score above zero. */
const FALSE_POSITIVES = 0.025;

interface Example extends Sample {
  /** The features of each word. */
  readonly words: readonly (readonly number[])[];
}

const [folder = ''] = process.argv.slice(2);
const samples = allSamples(folder);
const counts = new Int32Array(FEATURES);
const training = samples.filter(({ heldOut }) => !heldOut).map(example);
for (const { words } of training)
  for (const feature of new Set(words.flat())) counts[feature] = (counts[feature] ?? 0) + 1;

const weights = new Float64Array(FEATURES);
const squares = new Float64Array(FEATURES).fill(1);
const averages = new Float64Array(FEATURES);
let bias = -2;
let biasSquares = 1;
let averaged = 0;
let biasSum = 0;
const random = randomNumbers();

const order = training.flatMap((each, index) =>
  Array.from({ length: each.source === 'own' ? OWN_REPEATS : 1 }, () => index),
);
for (let round = 0; round < ROUNDS; round += 1) {
  shuffle(order);
  for (const index of order) {
    const each = training[index];
    if (each !== undefined) learn(each);
  }
  if (round < ROUNDS / 2) continue;
  for (const [feature, weight] of weights.entries()) averages[feature] = (averages[feature] ?? 0) + weight;
  biasSum += bias;
  averaged += 1;
}
const greatest = Math.min(
  MAX_WEIGHT,
  averages.reduce((most, sum) => Math.max(most, Math.abs(sum) / averaged), 0),
);
const step = greatest / MAX_STEPS;
const steps = Int8Array.from(averages, (sum) =>
  Math.round(Math.max(-greatest, Math.min(greatest, sum / averaged)) / step),
);
for (const [feature, value] of steps.entries()) weights[feature] = value * step;

const harmless = samples.filter(
  ({ heldOut, isInjection, source }) => heldOut && !isInjection && source !== 'bastioncorpus',
);
const cut = allowedScore(harmless.map(example));
process.stdout.write(
  `${JSON.stringify({
    about: 'made by ../training/train.ts; see ../training/README.md for the texts and their licences',
    step,
    bias: -cut,
    weights: Buffer.from(steps.buffer).toString('base64'),
  })}\n`,
);
const { length } = training;
process.stderr.write(
  `${length} texts, ${steps.filter((value) => value !== 0).length} weights, bias ${biasSum / averaged}\n`,
);

function example(sample: Sample): Example {
  const text = sample.text.toLowerCase();
  const words: number[][] = [];
  let word: number[] = [];
  readFeatures(text, readText(text).hits, {
    add: (feature) => word.push(feature),
    endWord() {
      words.push(word);
      word = [];
    },
  });
  return { ...sample, words };
}

/** One step down the slope of the loss of one text, at its window that scores highest. */
function learn({ words, isInjection }: Example): void {
  const { from } = bestWindow(words);
  let score = bias;
  const used: number[] = [];
  for (const feature of words.slice(from, from + WINDOW_WORDS).flat()) {
    if ((counts[feature] ?? 0) < LEAST_TEXTS || random() < DROP_OUT) continue;
    used.push(feature);
    score += (weights[feature] ?? 0) / (1 - DROP_OUT);
  }
  const error = (1 / (1 + Math.exp(-score)) - (isInjection ? 1 : 0)) * (isInjection ? INJECTION_WEIGHT : 1);
  if (Math.abs(error) < 1e-3) return;
  biasSquares += error * error;
  bias -= (RATE * error) / Math.sqrt(biasSquares);
  for (const feature of used) {
    const square = (squares[feature] ?? 1) + error * error;
    squares[feature] = square;
    weights[feature] = (weights[feature] ?? 0) - (RATE * error) / Math.sqrt(square);
  }
}

function bestWindow(words: Example['words']): { from: number; score: number } {
  let best = { from: 0, score: Number.NEGATIVE_INFINITY };
  const scores = words.map((features) => features.reduce((sum, feature) => sum + (weights[feature] ?? 0), 0));
  let sum = 0;
  for (const [index, score] of scores.entries()) {
    sum += score - (scores[index - WINDOW_WORDS] ?? 0);
    if ((index >= WINDOW_WORDS - 1 || index === words.length - 1) && sum > best.score)
      best = { from: Math.max(0, index + 1 - WINDOW_WORDS), score: sum };
  }
  return words.length === 0 ? { from: 0, score: 0 } : best;
}

/** The score, without bias, that a given share of harmless texts exceed, each source counting alike. */
function allowedScore(examples: readonly Example[]): number {
  const bySource = Map.groupBy(examples, ({ source }) => source);
  const scored = [...bySource.values()].flatMap((group) =>
    group.map((each) => ({
      score: bestWindow(each.words).score + RULES_WEIGHT * total(ruleWeights(each.text).weights),
      share: 1 / group.length / bySource.size,
    })),
  );
  let share = 0;
  for (const each of scored.toSorted((one, other) => other.score - one.score)) {
    share += each.share;
    if (share > FALSE_POSITIVES) return each.score;
  }
  return 0;
}

function shuffle(list: number[]): void {
  for (let index = list.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    [list[index], list[other]] = [list[other] ?? 0, list[index] ?? 0];
  }
}

/** A linear congruential generator: the same numbers each time. */
function randomNumbers(): () => number {
  let state = 7;
  return () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
}
