/**
 * Logistic regression over the features of the window of words that scores highest, by stochastic gradient descent with a rate
 * for each weight (AdaGrad); features drop out at random, so that none is leant on alone, and the weights of the later rounds
 * are averaged. The same examples make the same weights.
 */
import { FEATURES } from '../learned/features.ts';
import { bestWindow, type Example } from './examples.ts';

const ROUNDS = 10;
const RATE = 0.1;
const DROP_OUT = 0.5;
/** A feature that stands in fewer texts says nothing. */
const LEAST_TEXTS = 2;
/** How often the texts written for this are seen in a round: each stands for a kind. */
const OWN_REPEATS = 2;
/** An injection that is missed counts so many times a harmless text that is not let through. */
const INJECTION_WEIGHT = 2;
/** Collections of this size count as they are, larger ones less for each text, smaller ones more, but not by more than this. */
const COLLECTION_TEXTS = 300;
const MOST_WEIGHT = 3;
const FIRST_BIAS = -2;
/** Errors below this teach nothing. */
const LEAST_ERROR = 1e-3;

export function learnWeights(examples: readonly Example[]): Float64Array {
  const counts = textsByFeature(examples);
  const sizes = Map.groupBy(examples, collectionOf);
  const random = randomNumbers();
  const weights = new Float64Array(FEATURES);
  const squares = new Float64Array(FEATURES).fill(1);
  const sums = new Float64Array(FEATURES);
  let bias = FIRST_BIAS;
  let biasSquares = 1;
  let averaged = 0;

  const learn = (each: Example): void => {
    const { features } = each.learned;
    const { from, to } = bestWindow(each.learned, weights);
    const used: number[] = [];
    let score = bias;
    for (let index = from; index < to; index += 1) {
      const feature = features[index] ?? 0;
      if ((counts[feature] ?? 0) < LEAST_TEXTS || random() < DROP_OUT) continue;
      used.push(feature);
      score += (weights[feature] ?? 0) / (1 - DROP_OUT);
    }
    const size = sizes.get(collectionOf(each))?.length ?? 1;
    const weight = Math.min(MOST_WEIGHT, Math.sqrt(COLLECTION_TEXTS / size));
    const wrong = 1 / (1 + Math.exp(-score)) - (each.isInjection ? 1 : 0);
    const error = wrong * weight * (each.isInjection ? INJECTION_WEIGHT : 1);
    if (Math.abs(error) < LEAST_ERROR) return;
    biasSquares += error * error;
    bias -= (RATE * error) / Math.sqrt(biasSquares);
    for (const feature of used) {
      const square = (squares[feature] ?? 1) + error * error;
      squares[feature] = square;
      weights[feature] = (weights[feature] ?? 0) - (RATE * error) / Math.sqrt(square);
    }
  };

  const order = examples.flatMap((each) =>
    Array.from({ length: each.source === 'own' ? OWN_REPEATS : 1 }, () => each),
  );
  for (let round = 0; round < ROUNDS; round += 1) {
    shuffle(order, random);
    for (const each of order) learn(each);
    if (round < ROUNDS / 2) continue;
    for (const [feature, weight] of weights.entries()) sums[feature] = (sums[feature] ?? 0) + weight;
    averaged += 1;
  }
  return sums.map((sum) => sum / averaged);
}

function collectionOf({ source, isInjection }: Example): string {
  return `${source} ${isInjection}`;
}

function textsByFeature(examples: readonly Example[]): Int32Array {
  const counts = new Int32Array(FEATURES);
  for (const { learned } of examples) {
    for (const feature of new Set(learned.features)) counts[feature] = (counts[feature] ?? 0) + 1;
  }
  return counts;
}

function shuffle<T>(list: T[], random: () => number): void {
  for (let index = list.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    const [one, two] = [list[index], list[other]];
    if (one === undefined || two === undefined) continue;
    list[index] = two;
    list[other] = one;
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
