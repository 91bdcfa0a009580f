import { type Reading, STRIDE } from '../lexicon.ts';

/** A feature is a place in a table of this size; a power of two. Most places are empty, so that what was not learned says nothing. */
export const FEATURES = 1 << 18;

/** So many words are looked at together: an injection is seldom longer, and a long text must not outweigh it. */
export const WINDOW_WORDS = 64;

/** Words of concepts further apart than this have nothing to do with each other. */
const MAX_PAIR_DISTANCE = 6;

/** Tells beginnings of words from words. */
const BEGINNING = 0x51ed270b;
/** Tells marks from words. */
const MARKS = 0x2545f491;

/** Takes the features of a text, word by word. */
export interface FeatureSink {
  /** A feature of the word that `endWord` ends next. */
  add(feature: number): void;
  endWord(): void;
}

/**
 * The features of what was read, as hashes: each word, its beginning, each pair of neighbours, each concept and each pair of
 * concepts that are near each other.
 */
export function readFeatures({ hits, hashes, words }: Reading, sink: FeatureSink): void {
  let previous = 0;
  let nextHit = 0;
  let lastConcept = 0;
  let lastPosition = -1 - MAX_PAIR_DISTANCE;
  for (let position = 0; position < words; position += 1) {
    const marks = hashes[STRIDE * position] ?? 0;
    const word = mixed(hashes[STRIDE * position + 1] ?? 0);
    sink.add(word & (FEATURES - 1));
    sink.add(mixed((hashes[STRIDE * position + 2] ?? 0) ^ BEGINNING) & (FEATURES - 1));
    if (marks !== 0) {
      sink.add(marked(marks));
      sink.add(paired(marks, word));
    }
    if (position > 0) sink.add(paired(previous, word));
    previous = word;
    for (let hit = hits[nextHit]; hit !== undefined && hit.position <= position; hit = hits[nextHit]) {
      const concept = mixed(Math.imul(hit.low, 0x9e3779b1) ^ Math.imul(hit.high, 0x85ebca6b) ^ 0x1234567);
      sink.add(concept & (FEATURES - 1));
      if (hit.position - lastPosition <= MAX_PAIR_DISTANCE) sink.add(paired(lastConcept, concept));
      lastConcept = concept;
      lastPosition = hit.position;
      nextHit += 1;
    }
    if (position === words - 1) sink.add(marked(hashes[STRIDE * words] ?? 0));
    sink.endWord();
  }
}

function marked(marks: number): number {
  return mixed(marks ^ MARKS) & (FEATURES - 1);
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
