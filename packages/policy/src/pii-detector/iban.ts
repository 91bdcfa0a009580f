import type { Span } from '../texts/redactions.ts';
import { type DigitRuns, isDigit, isWord } from './digit-runs.ts';

const LABEL = 'IBAN';

/** Characters of an account's number by country: the registry of ISO 13616, kept by SWIFT. */
const LENGTHS: Readonly<Record<string, number>> = {
  AD: 24,
  AE: 23,
  AL: 28,
  AT: 20,
  AZ: 28,
  BA: 20,
  BE: 16,
  BG: 22,
  BH: 22,
  BI: 27,
  BR: 29,
  BY: 28,
  CH: 21,
  CR: 22,
  CY: 28,
  CZ: 24,
  DE: 22,
  DJ: 27,
  DK: 18,
  DO: 28,
  EE: 20,
  EG: 29,
  ES: 24,
  FI: 18,
  FK: 18,
  FO: 18,
  FR: 27,
  GB: 22,
  GE: 22,
  GI: 23,
  GL: 18,
  GR: 27,
  GT: 28,
  HN: 28,
  HR: 21,
  HU: 28,
  IE: 22,
  IL: 23,
  IQ: 23,
  IS: 26,
  IT: 27,
  JO: 30,
  KW: 30,
  KZ: 20,
  LB: 28,
  LC: 32,
  LI: 21,
  LT: 20,
  LU: 20,
  LV: 21,
  LY: 25,
  MC: 27,
  MD: 24,
  ME: 22,
  MK: 19,
  MN: 20,
  MR: 27,
  MT: 31,
  MU: 30,
  NI: 28,
  NL: 18,
  NO: 15,
  OM: 23,
  PK: 24,
  PL: 28,
  PS: 29,
  PT: 25,
  QA: 29,
  RO: 24,
  RS: 22,
  RU: 33,
  SA: 24,
  SC: 31,
  SD: 18,
  SE: 24,
  SI: 19,
  SK: 24,
  SM: 27,
  SO: 23,
  ST: 25,
  SV: 28,
  TL: 23,
  TN: 24,
  TR: 26,
  UA: 29,
  VA: 22,
  VG: 24,
  XK: 20,
  YE: 30,
};

/** Finds account numbers: a country, its length, and right check digits, in groups or not. */
export function findIbans(text: string, runs: DigitRuns, spans: Span[]): void {
  for (let run = 0; run < runs.count; run += 1) {
    const start = runs.start(run) - 2;
    if (start < 0 || runs.size(run) < 2) continue;
    if (start > 0 && isWord(text.charCodeAt(start - 1))) continue;
    const length = LENGTHS[text.slice(start, start + 2).toUpperCase()];
    if (length === undefined) continue;
    const { compact, end } = take(text, start, length);
    if (compact.length !== length || isWord(text.charCodeAt(end)) || !hasCheckDigits(compact)) continue;
    spans.push({ start, end, label: LABEL });
  }
}

/** So many letters and digits, with at most one space or hyphen between two of them. */
function take(text: string, start: number, length: number): { compact: string; end: number } {
  let compact = '';
  let index = start;
  while (index < text.length && compact.length < length) {
    const code = text.charCodeAt(index);
    if (isDigit(code) || isLetter(code)) compact += text[index];
    else if (
      !((code === 0x20 || code === 0x2d || code === 0xa0) && isAlphanumeric(text.charCodeAt(index + 1)))
    )
      break;
    index += 1;
  }
  return { compact: compact.toUpperCase(), end: index };
}

function isLetter(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a);
}

function isAlphanumeric(code: number): boolean {
  return isDigit(code) || isLetter(code);
}

/** ISO 7064, MOD 97-10: the first four characters last, letters as 10 to 35, and the remainder is one. */
export function hasCheckDigits(iban: string): boolean {
  let remainder = 0;
  for (let index = 0; index < iban.length; index += 1) {
    const code = iban.charCodeAt((index + 4) % iban.length);
    if (isDigit(code)) remainder = (remainder * 10 + code - 0x30) % 97;
    else remainder = (remainder * 100 + code - 0x37) % 97;
  }
  return remainder === 1;
}
