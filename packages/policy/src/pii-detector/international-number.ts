import {
  getCountries,
  getCountryCallingCode,
  Metadata,
  parsePhoneNumberFromString,
} from 'libphonenumber-js/max';
import { isDigit } from './digit-runs.ts';

/** Country calling codes have at most three digits, and none is the beginning of another (ITU-T E.164). */
const CALLING_CODES = 1_000;
const MAX_CODE_DIGITS = 3;
const ALL_DIGITS = 0x3ff;

/** For each calling code, as bits: the lengths that a number without it has in every country of that code, */
const ALWAYS = new Uint32Array(CALLING_CODES);
/** in some of them, */
const SOMETIMES = new Uint32Array(CALLING_CODES);
/** and the digits with which a national prefix could begin that the library would take off. */
const PREFIXES = new Uint16Array(CALLING_CODES);
fillTables();

/**
 * Whether what stands between two places, beginning with a plus sign, has the length of a number of its country: as
 * `parsePhoneNumberFromString(…).isPossible()` says, but for most numbers by a look at a table.
 *
 * @returns null where only the library knows
 */
export function isPossibleByTable(text: string, start: number, end: number): boolean | null {
  let code = 0;
  let codeDigits = 0;
  let rest = 0;
  let isKnown = false;
  for (let index = start; index < end; index += 1) {
    const digit = text.charCodeAt(index);
    if (!isDigit(digit)) continue;
    if (isKnown) {
      if (rest === 0 && ((PREFIXES[code] ?? 0) & (1 << (digit - 0x30))) !== 0) return null;
      rest += 1;
      continue;
    }
    code = code * 10 + digit - 0x30;
    codeDigits += 1;
    isKnown = PREFIXES[code] !== 0 || SOMETIMES[code] !== 0;
    if (!isKnown && (code === 0 || codeDigits === MAX_CODE_DIGITS)) return null;
  }
  if (((ALWAYS[code] ?? 0) & (1 << rest)) !== 0) return true;
  return ((SOMETIMES[code] ?? 0) & (1 << rest)) === 0 ? false : null;
}

/** Whether a number that begins with a plus sign has the length of one of its country. */
export function isPossibleByLibrary(number: string): boolean {
  return parsePhoneNumberFromString(number)?.isPossible() === true;
}

function fillTables(): void {
  const metadata = new Metadata();
  for (const country of getCountries()) {
    const code = Number(getCountryCallingCode(country));
    metadata.selectNumberingPlan(country);
    const lengths = bits(metadata.numberingPlan?.possibleLengths() ?? []);
    ALWAYS[code] = SOMETIMES[code] === 0 ? lengths : (ALWAYS[code] ?? 0) & lengths;
    SOMETIMES[code] = (SOMETIMES[code] ?? 0) | lengths;
    // Prefixes are those of a code's main country, whose plan goes by the code alone.
    Reflect.apply(metadata.selectNumberingPlan, metadata, [String(code)]);
    PREFIXES[code] = firstDigits(metadata.numberingPlan);
  }
}

/** The digits with which a national prefix may begin; all of them where that is no plain list of prefixes. */
function firstDigits(plan: unknown): number {
  if (typeof plan !== 'object' || plan === null || !('nationalPrefixForParsing' in plan)) return ALL_DIGITS;
  const { nationalPrefixForParsing: prefixesOf } = plan;
  if (typeof prefixesOf !== 'function') return ALL_DIGITS;
  const prefixes: unknown = Reflect.apply(prefixesOf, plan, []);
  if (typeof prefixes !== 'string' || prefixes === '') return 0;
  if (!/^\d+(?:\|\d+)*$/.test(prefixes)) return ALL_DIGITS;
  return bits(prefixes.split('|').map((prefix) => Number(prefix[0])));
}

function bits(places: readonly number[]): number {
  return places.reduce((all, place) => all | (1 << place), 0);
}
