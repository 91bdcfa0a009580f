import type { Sample } from './reading.ts';

const RUN_WORDS = 5;
/** A text more of whose runs of words stand in others is a copy. */
const MOST_SHARED = 0.4;

/** Those injections that are not, in the greater part, copied from some others: collections copy each other. */
export function withoutCopies<T extends Sample>(samples: readonly T[], others: readonly Sample[]): T[] {
  const known = new Set(others.flatMap(({ text }) => runsOf(text)));
  return samples.filter(({ text, isInjection, source }) => {
    if (!isInjection || source === 'own') return true;
    const runs = runsOf(text);
    return runs.filter((run) => known.has(run)).length <= runs.length * MOST_SHARED;
  });
}

function runsOf(text: string): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  if (words.length <= RUN_WORDS) return [words.join(' ')];
  return words.slice(RUN_WORDS - 1).map((_, index) => words.slice(index, index + RUN_WORDS).join(' '));
}
