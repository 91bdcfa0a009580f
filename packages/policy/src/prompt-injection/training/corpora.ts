/**
 * The texts that the model of `prompt-injection` is made from and judged by: those under `texts/`, and what packages and
 * repositories hold that lie unpacked side by side in one folder; `README.md` lists them with their licences. What it is judged by
 * comes from other collections, or other tasks of one, than what it is made from.
 */
import { attacks } from './corpora/attacks.ts';
import { withoutCopies } from './corpora/copies.ts';
import { documents } from './corpora/documents.ts';
import { ownTexts } from './corpora/own-texts.ts';
import { byHash, type Sample } from './corpora/reading.ts';
import { tasks } from './corpora/tasks.ts';

export { withoutCopies } from './corpora/copies.ts';
export type { Sample } from './corpora/reading.ts';

/** Longer texts are cut: what a model reads of them is enough. */
const MAX_CHARS = 4_000;
const MIN_CHARS = 12;

/** Collections of what looks like an attempt and is none: what is made of them is said apart. */
const HARD: ReadonlySet<string> = new Set(['notinject', 'bastioncorpus']);

/** Harmless texts of kinds that everybody sends, kept apart. */
export function isOrdinary({ heldOut, isInjection, source }: Sample): boolean {
  return heldOut && !isInjection && !HARD.has(source);
}

/** Everything there is, each text once, in an order that depends on nothing but the texts. */
export function allSamples(folder: string): Sample[] {
  const found = new Map<string, Sample>();
  const all = [...attacks(folder), ...tasks(folder), ...documents(folder), ...ownTexts()];
  // What is kept apart comes first, so that none of it is among the others.
  for (const each of all.toSorted((one, other) => Number(other.heldOut) - Number(one.heldOut))) {
    const text = each.text.trim().slice(0, MAX_CHARS);
    const key = text
      .toLowerCase()
      .replace(/[^\p{L}]+/gu, ' ')
      .trim()
      .slice(0, 120);
    if (text.length >= MIN_CHARS && !found.has(key)) found.set(key, { ...each, text });
  }
  const kept = [...found.values()];
  const apart = kept.filter(({ heldOut, isInjection }) => heldOut && isInjection);
  return byHash(
    [
      ...kept.filter(({ heldOut }) => heldOut),
      ...withoutCopies(
        kept.filter(({ heldOut }) => !heldOut),
        apart,
      ),
    ],
    ({ text }) => text,
  );
}
