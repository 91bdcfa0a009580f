import type { Span } from '../../texts/redactions.ts';
import { CapitalisedWords } from './capitalised-words.ts';
import model from './name-weights.json' with { type: 'json' };
import { MARK } from './name-words.ts';
import { findNamesByRules } from './person-name.ts';
import { MOST_FEATURES, NAME_FEATURES, readWordFeatures } from './word-features.ts';

const LABEL = 'PERSON';

/** Log odds from which on a word is taken for part of a name. */
const NAME_ODDS = 0.25;
/** What the log odds of a word and of one that it is joined to, which is a name, have to add up to at least. */
const JOINED_ODDS = -4;

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
    while (first > 0 && joins(text, first - 1) && nameOdds(text, first - 1) >= JOINED_ODDS) first -= 1;
    let last = index;
    while (joins(text, last) && nameOdds(text, last + 1) >= JOINED_ODDS) last += 1;
    const start = words.start(first);
    const end = words.end(last);
    const before = spans.at(-1);
    if (spans.length > from && before !== undefined && before.end > start)
      spans[spans.length - 1] = { ...before, end };
    else spans.push({ start, end, label: LABEL });
    index = last;
  }
}

/** The log odds that a capitalised word is part of a name. */
function nameOdds(text: string, index: number): number {
  const count = readWordFeatures(text, words, index, true, features);
  let steps = 0;
  for (let each = 0; each < count; each += 1) steps += WEIGHTS[features[each] ?? 0] ?? 0;
  return steps * model.step + model.bias;
}

/** What is joined by `&` is a company; alone, what is a place or a word as well is left to the rules. */
function isDoubtful(text: string, index: number): boolean {
  const end = words.end(index);
  if (text.charCodeAt(end) === 0x20 && text.charCodeAt(end + 1) === 0x26) return true;
  if ((words.marks(index) & (MARK.ambiguous | MARK.neverFamily)) === 0) return false;
  return !joins(text, index) && !(index > 0 && joins(text, index - 1));
}

/** Whether nothing but a space stands between a word and the next capitalised one. */
function joins(text: string, index: number): boolean {
  if (index + 1 >= words.count) return false;
  const end = words.end(index);
  return words.start(index + 1) === end + 1 && text.charCodeAt(end) === 0x20;
}

function weights(): Int8Array {
  const bytes = Buffer.from(model.weights, 'base64');
  if (bytes.length !== NAME_FEATURES) throw new RangeError('name-weights.json is not of this version');
  return new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
}
