/**
 * Makes `name-weights.json`: how much a capitalised word looks like part of a person's name.
 *
 *     node train-names.ts NAMES FOLDER [--without COLLECTION] > ../name-weights.json
 *
 * `NAMES` is what `make-names.ts` writes, `FOLDER` holds the collections that `README.md` lists. With `--without`, a collection is
 * left out, to be measured with `measure-names.ts`.
 */
import { CapitalisedWords } from '../capitalised-words.ts';
import { MARK } from '../name-words.ts';
import { MOST_FEATURES, NAME_FEATURES, readContextFeatures, readOwnFeatures } from '../word-features.ts';
import { type NamedText, namedTexts } from './named-texts.ts';
import { chanceOf } from './renamed.ts';

const ROUNDS = 5;
const RATE = 0.15;
const BIAS_RATE = 0.001;
/** What is learned so well is not learned any more. */
const LEAST_ERROR = 1e-3;
/** How often names are learned as if they were in no list. */
const UNKNOWN_SHARE = 0.3;
const MAX_STEPS = 127;
const MOST_WEIGHT = 3;

/** Where each example begins in `rows`, and whether it is a name: rows of numbers, since there are a million. */
const starts: number[] = [];
const isName: boolean[] = [];
let rows = new Int32Array(1 << 22);
let used = 0;

const [names = '', folder = '', , without = ''] = process.argv.slice(2);
const words = new CapitalisedWords();
const row = new Int32Array(MOST_FEATURES);
for (const text of namedTexts(names, folder)) if (text.source !== without) collect(text);
starts.push(used);

const weights = new Float64Array(NAME_FEATURES);
const squares = new Float64Array(NAME_FEATURES).fill(1);
let bias = 0;
const order = Int32Array.from(isName, (_, index) => index);
for (let round = 0; round < ROUNDS; round += 1) {
  shuffle(order, round);
  for (const each of order) learn(starts[each] ?? 0, starts[each + 1] ?? 0, isName[each] === true ? 1 : 0);
}
const greatest = Math.min(
  MOST_WEIGHT,
  weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0),
);
const step = greatest / MAX_STEPS;
const steps = Int8Array.from(weights, (weight) =>
  Math.round(Math.max(-greatest, Math.min(greatest, weight)) / step),
);
process.stdout.write(
  `${JSON.stringify({ about: 'made by training/train-names.ts', step, bias, weights: Buffer.from(steps.buffer).toString('base64') })}\n`,
);
process.stderr.write(`${isName.length} words, ${isName.filter(Boolean).length} of them names\n`);

/** One step of logistic regression, its rate falling for each feature by itself (AdaGrad). */
function learn(from: number, to: number, target: number): void {
  let score = bias;
  for (let at = from; at < to; at += 1) score += weights[rows[at] ?? 0] ?? 0;
  const error = 1 / (1 + Math.exp(-score)) - target;
  if (Math.abs(error) < LEAST_ERROR) return;
  bias -= BIAS_RATE * error;
  for (let at = from; at < to; at += 1) {
    const feature = rows[at] ?? 0;
    const square = (squares[feature] ?? 1) + error * error;
    squares[feature] = square;
    weights[feature] = (weights[feature] ?? 0) - (RATE * error) / Math.sqrt(square);
  }
}

function collect({ text, names, isWhole }: NamedText): void {
  words.read(text);
  for (let index = 0; index < words.count; index += 1) {
    const start = words.start(index);
    const end = words.end(index);
    const marks = words.marks(index);
    if (words.isPlain(text, index)) continue;
    const isPart = names.some(([from, to]) => from <= start && to >= end);
    // What is in a list, and was not seen as a name, may be one.
    const isListed = (marks & (MARK.given | MARK.family)) !== 0;
    if (!isPart && !isWhole && isListed && (marks & (MARK.ambiguous | MARK.ordinary)) === 0) continue;
    const knowsNames = !isPart || chanceOf(`${index} ${text.slice(0, 100)}`) >= UNKNOWN_SHARE;
    const own = readOwnFeatures(text, words, index, knowsNames, row);
    const count = readContextFeatures(text, words, index, knowsNames, row, own);
    starts.push(used);
    isName.push(isPart);
    if (used + count > rows.length) {
      const larger = new Int32Array(rows.length * 2);
      larger.set(rows);
      rows = larger;
    }
    rows.set(row.subarray(0, count), used);
    used += count;
  }
}

/** Another order each round, the same in every run. */
function shuffle(all: Int32Array, round: number): void {
  let state = 0x9e3779b9 + round;
  for (let last = all.length - 1; last > 0; last -= 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (last + 1));
    const kept = all[last] ?? 0;
    all[last] = all[other] ?? 0;
    all[other] = kept;
  }
}
