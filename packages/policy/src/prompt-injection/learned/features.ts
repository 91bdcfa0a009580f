import type { Hit } from '../lexicon.ts';

/** A feature is a place in a table of this size; a power of two. */
export const FEATURES = 1 << 16;

/** So many words are looked at together: an injection is seldom longer, and a long text must not outweigh it. */
export const WINDOW_WORDS = 48;

/** Words of concepts further apart than this have nothing to do with each other. */
const MAX_PAIR_DISTANCE = 6;

/** Takes the features of a text, word by word. */
export interface FeatureSink {
  /** A feature of the word that `endWord` ends next. */
  add(feature: number): void;
  endWord(): void;
}

/**
 * The features of a text in small letters: each word, each pair of neighbours, each concept and each pair of concepts, as
 * their hashes. Scripts without spaces are taken sign by sign.
 *
 * @param hits the words of concepts, in their order, as `readText` finds them; their places are counted a little otherwise, which
 *   is of no account since they are always counted so
 */
export function readFeatures(text: string, hits: readonly Hit[], sink: FeatureSink): void {
  const { length } = text;
  let index = 0;
  let words = 0;
  let previous = 0;
  let nextHit = 0;
  let lastConcept = 0;
  let lastPosition = -1 - MAX_PAIR_DISTANCE;
  while (index < length) {
    let code = text.charCodeAt(index);
    if (!isLetter(code)) {
      index += 1;
      continue;
    }
    let hash = code;
    index += 1;
    if (!isSign(code)) {
      while (index < length) {
        code = text.charCodeAt(index);
        if (!(isLetter(code) && !isSign(code)) && code !== 0x27 && code !== 0x2019) break;
        hash = (Math.imul(hash, 31) + code) | 0;
        index += 1;
      }
    }
    const word = mixed(hash);
    sink.add(word & (FEATURES - 1));
    if (words > 0) sink.add(paired(previous, word));
    previous = word;
    for (let hit = hits[nextHit]; hit !== undefined && hit.position <= words; hit = hits[nextHit]) {
      const concept = mixed(Math.imul(hit.low, 0x9e3779b1) ^ Math.imul(hit.high, 0x85ebca6b) ^ 0x1234567);
      sink.add(concept & (FEATURES - 1));
      if (hit.position - lastPosition <= MAX_PAIR_DISTANCE) sink.add(paired(lastConcept, concept));
      lastConcept = concept;
      lastPosition = hit.position;
      nextHit += 1;
    }
    words += 1;
    sink.endWord();
  }
}

function mixed(hash: number): number {
  let result = hash ^ (hash >>> 16);
  result = Math.imul(result, 0x85ebca6b);
  return result ^ (result >>> 13);
}

function paired(one: number, other: number): number {
  let hash = Math.imul(one, 0x9e3779b1) ^ other;
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 0x2c1b3c6d);
  return (hash ^ (hash >>> 12)) & (FEATURES - 1);
}

/** Small letters of ASCII, and what is a letter beyond it as far as blocks tell. */
function isLetter(code: number): boolean {
  if (code < 0x80) return code >= 0x61 && code <= 0x7a;
  return (
    code >= 0xc0 && !(code >= 0x2000 && code < 0x2c00) && !(code >= 0x3000 && code < 0x3040) && code < 0xfe00
  );
}

/** Signs that are words by themselves: those of Chinese and Japanese. */
function isSign(code: number): boolean {
  return code >= 0x2e80 && code < 0xfe00 && !(code >= 0xac00 && code < 0xd7b0);
}
