/**
 * Makes `name-weights.json`: how much a capitalised word looks like part of a person's name.
 *
 *     node train-names.ts FOLDER > ../name-weights.json
 *
 * The texts are the harmless ones of `prompt-injection/training` that are not kept apart, and the sentences of `sentences.txt`.
 * Where the rules are sure of a name in a real text, other names are put in its place, often as if no list held them: so the
 * model learns from what stands around names, and from how they are spelled. Words that are in a list of names
 * and are not seen as one by the rules are left out, since nobody knows what they are.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { allSamples } from '../../../prompt-injection/training/corpora.ts';
import type { Span } from '../../../texts/redactions.ts';
import { CapitalisedWords } from '../capitalised-words.ts';
import { AMBIGUOUS, FAMILY, GIVEN, MARK } from '../name-words.ts';
import { findNamesByRules } from '../person-name.ts';
import { MOST_FEATURES, NAME_FEATURES, readWordFeatures } from '../word-features.ts';

const ROUNDS = 6;
const RATE = 0.15;
/** How often names are learned as if they were in no list. */
const UNKNOWN_SHARE = 0.5;
/** How often a real text, and a sentence written for this, are filled with names. */
const REAL_TURNS = 3;
const SENTENCE_TURNS = 40;
const MAX_STEPS = 127;

interface Example {
  readonly features: readonly number[];
  readonly isName: boolean;
}

const given = [...GIVEN].filter((name) => !AMBIGUOUS.has(name));
const family = [...FAMILY];
const noPeople = readFileSync(new URL('places.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n');
const examples: Example[] = [];
const words = new CapitalisedWords();
const [folder = ''] = process.argv.slice(2);
for (const { text, heldOut, isInjection } of allSamples(folder)) {
  if (heldOut || isInjection) continue;
  const found: Span[] = [];
  words.read(text);
  findNamesByRules(text, words, found);
  const turns = found.length === 0 ? 1 : REAL_TURNS;
  for (let turn = 0; turn < turns; turn += 1) collect(...renamed(text, found, turn), turn, false);
}
for (const sentence of readFileSync(new URL('sentences.txt', import.meta.url), 'utf8')
  .trim()
  .split('\n')) {
  const places = [...sentence.matchAll(/[@#*%]/g)].map(({ index, 0: label }) => ({
    start: index,
    end: index + 1,
    label,
  }));
  for (let turn = 0; turn < SENTENCE_TURNS; turn += 1)
    collect(...renamed(sentence, places, turn), turn, true);
}

const weights = new Float64Array(NAME_FEATURES);
const squares = new Float64Array(NAME_FEATURES).fill(1);
let bias = 0;
for (let round = 0; round < ROUNDS; round += 1) {
  examples.sort((one, other) => chance(`${round}`, one) - chance(`${round}`, other));
  for (const { features, isName } of examples) {
    let score = bias;
    for (const feature of features) score += weights[feature] ?? 0;
    const error = 1 / (1 + Math.exp(-score)) - (isName ? 1 : 0);
    if (Math.abs(error) < 1e-3) continue;
    bias -= 0.001 * error;
    for (const feature of features) {
      const square = (squares[feature] ?? 1) + error * error;
      squares[feature] = square;
      weights[feature] = (weights[feature] ?? 0) - (RATE * error) / Math.sqrt(square);
    }
  }
}
const greatest = Math.min(
  3,
  weights.reduce((most, weight) => Math.max(most, Math.abs(weight)), 0),
);
const step = greatest / MAX_STEPS;
const steps = Int8Array.from(weights, (weight) =>
  Math.round(Math.max(-greatest, Math.min(greatest, weight)) / step),
);
process.stdout.write(
  `${JSON.stringify({ about: 'made by training/train-names.ts', step, bias, weights: Buffer.from(steps.buffer).toString('base64') })}\n`,
);
process.stderr.write(
  `${examples.length} words, ${examples.filter(({ isName }) => isName).length} of them names\n`,
);

/**
 * The text with other names in the places of those found; of a lone one, one name. In sentences written for this, `@` is a whole name, `*`
 * a given one, `#` that of a family, and `%` no name of a person.
 */
function renamed(text: string, found: readonly Span[], turn: number): [string, Span[]] {
  let result = '';
  let done = 0;
  const spans: Span[] = [];
  for (const { start, end, label } of found) {
    const seed = `${turn} ${start} ${text.slice(0, 200)}`;
    const was = text.slice(start, end);
    const one = titled(pick(label === '#' ? family : given, `${seed} one`));
    if (label === '%') {
      // Places, companies and the like, which stand where names could.
      result += text.slice(done, start) + pick(noPeople, seed);
      done = end;
      continue;
    }
    const isLone = label === '#' || label === '*' || (label === 'PERSON' && !was.includes(' '));
    const name = isLone ? one : `${one} ${titled(pick(family, `${seed} other`))}`;
    result += text.slice(done, start);
    spans.push({ start: result.length, end: result.length + name.length, label });
    result += label === 'PERSON' && was === was.toUpperCase() ? name.toUpperCase() : name;
    done = end;
  }
  return [result + text.slice(done), spans];
}

function collect(text: string, names: readonly Span[], turn: number, isWhole: boolean): void {
  words.read(text);
  for (let index = 0; index < words.count; index += 1) {
    const start = words.start(index);
    const end = words.end(index);
    const marks = words.marks(index);
    const isName = names.some((name) => name.start <= start && name.end >= end);
    // What is in a list, and was not seen as a name, may be one.
    const isListed = (marks & (MARK.given | MARK.family)) !== 0 && (marks & MARK.ambiguous) === 0;
    if (!isName && !isWhole && isListed) continue;
    const knowsLists =
      !isName || hash(`${turn} ${index} ${text.slice(0, 100)}`) % 1_000 >= UNKNOWN_SHARE * 1_000;
    const features = new Int32Array(MOST_FEATURES);
    const count = readWordFeatures(text, words, index, knowsLists, features);
    examples.push({ features: [...features.subarray(0, count)], isName });
  }
}

function titled(name: string): string {
  return name.replace(
    /(^|[-' ])(\p{L})/gu,
    (_, before: string, letter: string) => before + letter.toUpperCase(),
  );
}

function pick(all: readonly string[], seed: string): string {
  return all[hash(seed) % all.length] ?? '';
}

function chance(seed: string, { features }: Example): number {
  let mixed = seed.charCodeAt(0);
  for (const feature of features) mixed = (Math.imul(mixed, 0x5bd1e995) + feature) | 0;
  return mixed;
}

function hash(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32BE();
}
