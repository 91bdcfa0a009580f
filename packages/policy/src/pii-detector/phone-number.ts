import {
  type CountryCode,
  getExampleNumber,
  isSupportedCountry,
  isValidPhoneNumber,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/max';
import examples from 'libphonenumber-js/mobile/examples';
import type { Span } from '../texts/redactions.ts';
import { type DigitRuns, isDigit, isWord } from './digit-runs.ts';
import { isPossibleByLibrary, isPossibleByTable } from './international-number.ts';

const LABEL = 'PHONE';
/** E.164 numbers have at most 15 digits, with the country's; shorter ones than 7 are local, or services. */
const MIN_DIGITS = 7;
const MAX_DIGITS = 15;
const MAX_GROUPS = 8;
/**
 * How often the library is asked about one text: it takes some 10 µs each time. After that the shape alone counts, which finds more,
 * not less.
 */
const MAX_QUESTIONS = 2_000;
/** How far before a number the word may stand that says what it is. */
const CUE_CHARS = 28;
const CUE =
  /(?:phone|\btel\b|tel[.:]|call|mobile|\bmob\b|\bcell|fax|whats ?app|text(?: me)? at|contact number|reach (?:me|us) (?:on|at)|ring|telefon|handy|rufnummer|mobil|rückruf|erreichbar|tél|télé|portable|appel|joindre|teléfono|telefono|móvil|celular|llama|cellulare|chiama|telefone|telemóvel|ligue|telefoon|bel (?:me|ons)|тел|звони)/i;
const DATE_WITHIN =
  /(?:19|20)\d{2}[-./](?:0[1-9]|1[0-2])[-./](?:0[1-9]|[12]\d|3[01])|\d[./-]\d{1,2}[./-](?:19|20)\d{2}/;
/** Pairs of hexadecimal digits around it: a dump of bytes. */
const BYTE_BEFORE = /(?:^|\s)[0-9a-f]{2}\s$/i;
const BYTE_AFTER = /^\s[0-9a-f]{2}(?![0-9a-z])/i;
const PAIRS = /^\d\d(?: \d\d){3,}$/;
const DATE = /^(?:0?[1-9]|[12]\d|3[01])[-./ ](?:0?[1-9]|[12]\d|3[01])[-./ ](?:19|20)?\d{2}$/;

/** Countries whose national notation needs no trunk prefix, although they have one. */
const WITHOUT_PREFIX: ReadonlySet<string> = new Set(['IN', 'BR', 'US', 'CA']);

/** Finds telephone numbers: international ones anywhere, national ones of the regions given, by libphonenumber's rules. */
export class PhoneNumberFinder {
  readonly #zeroRegions: readonly CountryCode[];
  readonly #otherRegions: readonly CountryCode[];
  readonly #northAmerica: boolean;

  /** @param regions ISO 3166 codes; those that the library doesn't know have no numbers */
  constructor(regions: readonly string[]) {
    const known = regions.filter((region): region is CountryCode => isSupportedCountry(region));
    const zero = new Set<string>(known.filter((region) => beginsWithZero(region)));
    this.#zeroRegions = known.filter((region) => zero.has(region) || region === 'IT');
    this.#otherRegions = known.filter((region) => !zero.has(region) || WITHOUT_PREFIX.has(region));
    this.#northAmerica = known.includes('US') || known.includes('CA');
  }

  find(text: string, runs: DigitRuns, spans: Span[]): void {
    const budget: Budget = { left: MAX_QUESTIONS };
    let first = 0;
    while (first < runs.count) {
      let last = first;
      let digits = runs.size(first);
      while (last + 1 < runs.count && last - first + 1 < MAX_GROUPS && joins(text, runs, last)) {
        last += 1;
        digits += runs.size(last);
      }
      // What follows a number after a space may be another one: groups are left off until it fits.
      let end = last;
      while (digits > MAX_DIGITS && end > first) {
        digits -= runs.size(end);
        end -= 1;
      }
      let found = -1;
      for (; end >= first && digits >= MIN_DIGITS; digits -= runs.size(end), end -= 1) {
        if (this.#isNumber(text, runs, first, end, budget)) {
          found = end;
          break;
        }
      }
      if (found >= 0) {
        const end = runs.end(found);
        spans.push({ start: beginning(text, runs.start(first), end), end, label: LABEL });
        first = found + 1;
      } else first += 1;
    }
  }

  #isNumber(text: string, runs: DigitRuns, first: number, last: number, budget: Budget): boolean {
    if (hasLoneDigits(text, runs, first, last)) return false;
    const end = runs.end(last);
    const start = beginning(text, runs.start(first), end);
    const before = text.charCodeAt(start - 1);
    const after = text.charCodeAt(end);
    if (start > 0 && (isWord(before) || isJoint(before, text.charCodeAt(start - 2)))) return false;
    if (
      isWord(after) ||
      ((after === 0x2d || after === 0x2e || after === 0x3a) && isWord(text.charCodeAt(end + 1)))
    )
      return false;
    const raw = text.slice(start, end);
    if (raw.startsWith('+') || raw.startsWith('(+')) {
      const known = isPossibleByTable(text, start, end);
      return known ?? spend(budget, () => isPossibleByLibrary(raw));
    }
    if (DATE_WITHIN.test(raw) || DATE.test(raw)) return false;
    if (raw.includes('.') && /\s[-–/]\s|\//.test(raw)) return false;
    if (PAIRS.test(raw) && isDump(text, start, end)) return false;
    const groups = last - first + 1;
    if (raw.includes('.') && groups < 3) return false;
    const digits = raw.replace(/\D/g, '');
    if (digits.startsWith('00') && groups > 1) {
      return spend(budget, () => parsePhoneNumberFromString(`+${digits.slice(2)}`)?.isValid() === true);
    }
    const said = CUE.test(text.slice(Math.max(0, start - CUE_CHARS), start));
    if (said && !raw.includes('.') && digits.length >= MIN_DIGITS) return true;
    if (this.#northAmerica && isNorthAmerican(runs, first, last, text)) return true;
    if (groups === 1 && !said) return false;
    const regions = digits.startsWith('0') ? this.#zeroRegions : this.#otherRegions;
    return regions.some(
      (region) =>
        hasShape(runs, first, last, region, raw) && spend(budget, () => isValidPhoneNumber(raw, region)),
    );
  }
}

interface Budget {
  left: number;
}

function spend(budget: Budget, question: () => boolean): boolean {
  if (budget.left === 0) return true;
  budget.left -= 1;
  return question();
}

/** A single digit is a country's or a prefix, first in a number; after a country's, it may be that of an area. */
function hasLoneDigits(text: string, runs: DigitRuns, first: number, last: number): boolean {
  const start = runs.start(first);
  const isInternational = text[start - 1] === '+' || text.startsWith('00', start);
  for (let run = isInternational ? first + 2 : first + 1; run <= last; run += 1) {
    if (runs.size(run) === 1) return true;
  }
  return false;
}

/** Whether a region's own notation begins with a zero, as the library writes its example. */
function beginsWithZero(region: CountryCode): boolean {
  return getExampleNumber(region, examples)?.formatNational().replace(/\D/g, '').startsWith('0') ?? false;
}

/** Where the notation begins: with a plus sign, a bracket that it closes as well, or the first digit. */
function beginning(text: string, digit: number, end: number): number {
  let start = digit;
  if (text[start - 1] === '+') start -= 1;
  if (text[start - 1] === '(' && text.slice(start, end).includes(')')) start -= 1;
  if (text[start - 1] === '+' && text[start] === '(') start -= 1;
  return start;
}

/** Whether the next run of digits can belong to the same number: no more than brackets and one sign between them. */
function joins(text: string, runs: DigitRuns, run: number): boolean {
  const gap = text.slice(runs.end(run), runs.start(run + 1));
  return gap.length <= 3 && /^(?:[ \u00a0\u2011./-]|\) ?[-/]?| ?\(| [-/–] )$/.test(gap);
}

function isDump(text: string, start: number, end: number): boolean {
  return (
    BYTE_BEFORE.test(text.slice(Math.max(0, start - 4), start)) || BYTE_AFTER.test(text.slice(end, end + 4))
  );
}

/** Part of a longer number, a decimal, a path or a version. */
function isJoint(before: number, further: number): boolean {
  return (
    (before === 0x2e || before === 0x2d || before === 0x2c || before === 0x2f || before === 0x3a) &&
    isWord(further)
  );
}

/** 3-3-4 digits, with a 1 before them or not, the first two groups beginning with 2 to 9: valid or made up. */
function isNorthAmerican(runs: DigitRuns, first: number, last: number, text: string): boolean {
  let from = first;
  if (last - first === 3 && runs.size(first) === 1 && text[runs.start(first)] === '1') from += 1;
  if (last - from !== 2) return false;
  if (runs.size(from) !== 3 || runs.size(from + 1) !== 3 || runs.size(from + 2) !== 4) return false;
  const area = text.charCodeAt(runs.start(from));
  return isDigit(area) && area >= 0x32;
}

/** Numbers without a trunk prefix look like many other things, so their groups have to be those of the country. */
function hasShape(runs: DigitRuns, first: number, last: number, region: CountryCode, raw: string): boolean {
  if (raw.startsWith('0')) return last - first >= 1;
  if (raw.includes('.')) return false;
  const sizes = Array.from({ length: last - first + 1 }, (_, index) => runs.size(first + index)).join('-');
  switch (region) {
    case 'US':
    case 'CA':
      return sizes === '3-3-4' || sizes === '1-3-3-4';
    case 'ES':
      return sizes === '3-3-3' || sizes === '3-2-2-2' || sizes === '2-3-2-2';
    case 'IN':
      // With a hyphen, five and five digits are a range of something just as often.
      return ((sizes === '5-5' && raw[5] !== '-') || sizes === '3-3-4') && /^[6-9]/.test(raw);
    case 'IT':
      return last - first >= 1 && raw.startsWith('3');
    case 'BR':
      return sizes === '2-5-4' || sizes === '2-4-4';
    default:
      return last - first >= 2;
  }
}
