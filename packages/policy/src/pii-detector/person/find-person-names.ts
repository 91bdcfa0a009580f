import type { Span } from '../../texts/redactions.ts';
import { CapitalisedWords } from './capitalised-words.ts';
import model from './name-weights.json' with { type: 'json' };
import { MARK } from './name-words.ts';
import { findNamesByRules, isCompany } from './person-name.ts';
import { MOST_FEATURES, NAME_FEATURES, readContextFeatures, readOwnFeatures } from './word-features.ts';

const LABEL = 'PERSON';

/** Log odds from which on a word is taken for part of a name. */
const NAME_ODDS = 0.4;
/** What the log odds of a word and of one that it is joined to, which is a name, have to add up to at least. */
const JOINED_ODDS = -5;
/** The same of an ordinary word that a name follows: it may just begin the sentence. */
const ORDINARY_JOINED_ODDS = -1;

/** A word whose own features say so clearly that it is none is none, whatever stands around it. */
const LEAST_OWN_STEPS = -2 / model.step;
/** Beside another capitalised word, it has to say so more clearly. */
const LEAST_OWN_STEPS_JOINED = -4 / model.step;

const WEIGHTS = weights();

/** Used for one text after another: nothing of a text is kept in them but numbers. */
const words = new CapitalisedWords();
const features = new Int32Array(MOST_FEATURES);

/** Finds names of people: by rules over lists of names, and by a linear model of how names look and of what stands around them. */
export function findPersonNames(text: string, spans: Span[]): void {
  words.read(text);
  const { count } = words;
  if (count === 0) return;
  findNamesByRules(text, words, spans);
  const from = spans.length;
  for (let index = 0; index < count; index += 1) {
    if (isDoubtful(text, index) || nameOdds(text, index) < NAME_ODDS) continue;
    let first = index;
    while (first > 0 && words.joins(text, first - 1) && mayBegin(text, first - 1)) first -= 1;
    let last = index;
    while (words.joins(text, last) && nameOdds(text, last + 1) >= JOINED_ODDS) last += 1;
    const start = words.start(first);
    const end = words.end(last);
    index = last;
    if (isCompany(text, end)) continue;
    const before = spans.at(-1);
    if (spans.length > from && before !== undefined && before.end > start)
      spans[spans.length - 1] = { ...before, end };
    else spans.push({ start, end, label: LABEL });
  }
}

/** Whether a word before a name is part of it: an ordinary one, which may begin a sentence, only where it looks like a name itself. */
function mayBegin(text: string, index: number): boolean {
  const isOrdinary = (words.marks(index) & (MARK.given | MARK.family | MARK.ordinary)) === MARK.ordinary;
  return nameOdds(text, index) >= (isOrdinary ? ORDINARY_JOINED_ODDS : JOINED_ODDS);
}

/** The log odds that a capitalised word is part of a name. */
function nameOdds(text: string, index: number): number {
  const own = readOwnFeatures(text, words, index, true, features);
  let steps = sum(0, own);
  const isJoined = words.joins(text, index) || (index > 0 && words.joins(text, index - 1));
  if (steps < (isJoined ? LEAST_OWN_STEPS_JOINED : LEAST_OWN_STEPS)) return Number.NEGATIVE_INFINITY;
  steps += sum(own, readContextFeatures(text, words, index, true, features, own));
  return steps * model.step + model.bias;
}

function sum(from: number, to: number): number {
  let steps = 0;
  for (let each = from; each < to; each += 1) steps += WEIGHTS[features[each] ?? 0] ?? 0;
  return steps;
}

/** What is joined by `&` is a company; what begins sentences, or ends names of other things, is no name alone. */
function isDoubtful(text: string, index: number): boolean {
  const end = words.end(index);
  if (isCompany(text, end) || words.isPlain(text, index)) return true;
  if ((words.marks(index) & MARK.neverFamily) === 0) return false;
  return !words.joins(text, index) && !(index > 0 && words.joins(text, index - 1));
}

function weights(): Int8Array {
  const bytes = Buffer.from(model.weights, 'base64');
  if (bytes.length !== NAME_FEATURES) throw new RangeError('name-weights.json is not of this version');
  return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
