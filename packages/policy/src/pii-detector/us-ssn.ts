import type { Span } from '../texts/redactions.ts';
import { type DigitRuns, isWord } from './digit-runs.ts';

const LABEL = 'SSN';
/** How far before nine digits in one group the words may stand that say what they are. */
const CUE_CHARS = 40;
const CUE = /\b(?:ssn|social security|soc\.? ?sec)/i;

/**
 * Finds social security numbers of the USA: 3-2-4 digits with areas, groups and serials that are given out (not 000, 666 or 9xx;
 * not 00; not 0000), or nine digits after words that say so.
 */
export function findSocialSecurityNumbers(text: string, runs: DigitRuns, spans: Span[]): void {
  for (let run = 0; run < runs.count; run += 1) {
    const start = runs.start(run);
    if (start > 0 && (isWord(text.charCodeAt(start - 1)) || text[start - 1] === '-')) continue;
    if (runs.size(run) === 9 && !isWord(text.charCodeAt(runs.end(run)))) {
      const digits = text.slice(start, runs.end(run));
      const said = CUE.test(text.slice(Math.max(0, start - CUE_CHARS), start));
      if (said && isGiven(digits)) spans.push({ start, end: runs.end(run), label: LABEL });
      continue;
    }
    if (runs.size(run) !== 3 || runs.size(run + 1) !== 2 || runs.size(run + 2) !== 4) continue;
    const separator = text[runs.end(run)];
    const alike = text[runs.end(run + 1)] === separator && runs.start(run + 1) - runs.end(run) === 1;
    if (!alike || runs.start(run + 2) - runs.end(run + 1) !== 1) continue;
    if (separator !== '-' && separator !== ' ' && separator !== '\u2011') continue;
    const end = runs.end(run + 2);
    if (isWord(text.charCodeAt(end)) || (text[end] === '-' && isWord(text.charCodeAt(end + 1)))) continue;
    const digits = text.slice(start, end).replace(/\D/g, '');
    if (isGiven(digits)) spans.push({ start, end, label: LABEL });
  }
}

function isGiven(digits: string): boolean {
  const area = digits.slice(0, 3);
  return (
    area !== '000' &&
    area !== '666' &&
    area < '900' &&
    digits.slice(3, 5) !== '00' &&
    digits.slice(5) !== '0000'
  );
}
