import type { Span } from '../../texts/redactions.ts';
import { capitalisedWords, type Word } from './capitalised-words.ts';
import model from './name-weights.json' with { type: 'json' };
import { AMBIGUOUS, NEVER_FAMILY } from './name-words.ts';
import { findNamesByRules } from './person-name.ts';
import { NAME_FEATURES, readWordFeatures } from './word-features.ts';

const LABEL = 'PERSON';

/** Log odds from which on a word is taken for part of a name. */
const NAME_ODDS = 0.25;
/** What the log odds of a word and of one that it is joined to, which is a name, have to add up to at least. */
const JOINED_ODDS = -4;

const WEIGHTS = weights();

let steps = 0;
const addStep = (feature: number): void => {
  steps += WEIGHTS[feature] ?? 0;
};

/** Finds names of people: by rules over lists of names, and by a linear model of how names look and of what stands around them. */
export function findPersonNames(text: string, spans: Span[]): void {
  const words = capitalisedWords(text);
  if (words.length === 0) return;
  findNamesByRules(text, spans, words);
  const from = spans.length;
  for (let index = 0; index < words.length; index += 1) {
    if (isDoubtful(text, words, index) || nameOdds(text, words, index) < NAME_ODDS) continue;
    let first = index;
    while (first > 0 && joins(text, words, first - 1) && nameOdds(text, words, first - 1) >= JOINED_ODDS)
      first -= 1;
    let last = index;
    while (joins(text, words, last) && nameOdds(text, words, last + 1) >= JOINED_ODDS) last += 1;
    const start = words[first]?.start ?? 0;
    const before = spans.at(-1);
    const end = words[last]?.end ?? 0;
    if (spans.length > from && before !== undefined && before.end > start)
      spans[spans.length - 1] = { ...before, end };
    else spans.push({ start, end, label: LABEL });
    index = last;
  }
}

/** The log odds that a capitalised word is part of a name. */
export function nameOdds(text: string, words: readonly Word[], index: number): number {
  steps = 0;
  readWordFeatures(text, words, index, true, addStep);
  return steps * model.step + model.bias;
}

/** What is joined by `&` is a company; alone, what is a place or a word as well is left to the rules. */
function isDoubtful(text: string, words: readonly Word[], index: number): boolean {
  const word = words[index];
  if (word === undefined || text.startsWith(' &', word.end)) return true;
  if (joins(text, words, index) || (index > 0 && joins(text, words, index - 1))) return false;
  return AMBIGUOUS.has(word.lower) || NEVER_FAMILY.has(word.lower);
}

/** Whether nothing but a space stands between a word and the next capitalised one. */
function joins(text: string, words: readonly Word[], index: number): boolean {
  const next = words[index + 1];
  const end = words[index]?.end ?? 0;
  return next !== undefined && next.start === end + 1 && text.charCodeAt(end) === 0x20;
}

function weights(): Int8Array {
  const bytes = Buffer.from(model.weights, 'base64');
  if (bytes.length !== NAME_FEATURES) throw new RangeError('name-weights.json is not of this version');
  return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
