import type { Span } from '../texts/redactions.ts';
import { type DigitRuns, isWord } from './digit-runs.ts';

const LABEL = 'CREDIT_CARD';
const MIN_DIGITS = 13;
const MAX_DIGITS = 19;
/** Printed in groups of at least four digits, but for those of American Express and Diners Club. */
const MAX_GROUPS = 5;

/** Finds payment card numbers: a known issuer's first digits, a length of that issuer, and a right check digit (Luhn). */
export function findCreditCards(text: string, runs: DigitRuns, spans: Span[]): void {
  for (let first = 0; first < runs.count; first += 1) {
    const start = runs.start(first);
    if (start > 0 && isWord(text.charCodeAt(start - 1))) continue;
    let digits = '';
    for (let last = first; last < Math.min(runs.count, first + MAX_GROUPS); last += 1) {
      if (last > first && !isSeparated(text, runs.end(last - 1), runs.start(last))) break;
      if (digits.length + runs.size(last) > MAX_DIGITS) break;
      digits += text.slice(runs.start(last), runs.end(last));
      const end = runs.end(last);
      if (digits.length < MIN_DIGITS || isWord(text.charCodeAt(end))) continue;
      if (!hasGroups(runs, first, last) || !isCardNumber(digits)) continue;
      spans.push({ start, end, label: LABEL });
      first = last;
      break;
    }
  }
}

function isSeparated(text: string, end: number, start: number): boolean {
  if (start - end !== 1) return false;
  const separator = text[end];
  return separator === ' ' || separator === '-' || separator === '\u00a0' || separator === '.';
}

/** Groups as they are printed: fours, or 4-6-4, 4-6-5, and a shorter last one. */
function hasGroups(runs: DigitRuns, first: number, last: number): boolean {
  for (let run = first; run < last; run += 1) {
    const size = runs.size(run);
    if (size !== 4 && size !== 6) return false;
  }
  return true;
}

/** Whether digits alone make the number of a card. */
export function isCardNumber(digits: string): boolean {
  return hasIssuer(digits) && passesLuhn(digits);
}

/** ISO/IEC 7812: Visa, Mastercard, American Express, Discover, Diners Club, JCB, UnionPay, Maestro. */
function hasIssuer(digits: string): boolean {
  const { length } = digits;
  const two = Number(digits.slice(0, 2));
  const four = Number(digits.slice(0, 4));
  if (two >= 40 && two <= 49) return length === 13 || length === 16 || length === 19;
  if ((two >= 51 && two <= 55) || (four >= 2221 && four <= 2720)) return length === 16;
  if (two === 34 || two === 37) return length === 15;
  if (two === 36 || two === 38 || two === 39 || (four >= 3000 && four <= 3059)) return length >= 14;
  if (four >= 3528 && four <= 3589) return length >= 16;
  if (two === 62 || two === 60 || two === 64 || two === 65) return length >= 16;
  return two === 50 || (two >= 56 && two <= 69);
}

/** ISO/IEC 7812-1, annex B: every second digit from the right doubled, the sum of all digits divisible by ten. */
export function passesLuhn(digits: string): boolean {
  let sum = 0;
  let other = false;
  for (let index = digits.length - 1; index >= 0; index -= 1) {
    let digit = digits.charCodeAt(index) - 0x30;
    if (other) digit = digit > 4 ? digit * 2 - 9 : digit * 2;
    sum += digit;
    other = !other;
  }
  return sum % 10 === 0;
}
