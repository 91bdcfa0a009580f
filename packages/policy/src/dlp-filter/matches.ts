import type { RE2JS } from 're2js';
import type { Span } from '../texts/redactions.ts';

/** A long text is searched in parts of this length, */
const WINDOW_CHARS = 16 * 1024;
/** and a match that begins in one may reach so far beyond it. A longer one is found in parts, or not at all. */
const MAX_MATCH_CHARS = 16 * 1024;

/**
 * How much may still be searched for the places of matches, in characters. The engine reads a text once to say that there is a
 * match, but for each match it may read on to the text's end before it knows where the match ends: without a bound, a
 * text of many matches would cost its length times their number.
 */
export interface SearchBudget {
  left: number;
}

/** Some 500 matches in long texts, thousands in short ones; a second at the very worst. */
const MAX_SEARCHED_CHARS = 12 * 1024 * 1024;

export function searchBudget(): SearchBudget {
  return { left: MAX_SEARCHED_CHARS };
}

/** The places of all matches, in their order; fewer where the budget ends, which then is below zero. */
export function matchesOf(engine: RE2JS, text: string, label: string, budget: SearchBudget): Span[] {
  const spans: Span[] = [];
  let from = 0;
  while (from < text.length && budget.left >= 0) {
    const core = Math.min(text.length, from + WINDOW_CHARS);
    // One character before it shows the engine whether a word or a line begins here.
    const offset = Math.max(0, from - 1);
    const part = text.slice(offset, Math.min(text.length, core + MAX_MATCH_CHARS));
    const matcher = engine.matcher(part);
    let at = from - offset;
    let end = core;
    while (at <= part.length) {
      budget.left -= part.length - at;
      if (budget.left < 0 || !matcher.find(at)) break;
      const start = offset + matcher.start();
      const stop = offset + matcher.end();
      if (start >= core) break;
      if (stop > start) spans.push({ start, end: stop, label });
      end = Math.max(end, stop);
      at = Math.max(matcher.end(), matcher.start() + 1);
    }
    from = end;
  }
  return spans;
}
