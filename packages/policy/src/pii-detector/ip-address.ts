import { isIPv6 } from 'node:net';
import type { Span } from '../texts/redactions.ts';
import { type DigitRuns, isDigit, isWord } from './digit-runs.ts';

const LABEL = 'IP';
const MAX_OCTET = 255;
/** Eight groups of four, seven colons; or the last two groups as an address of version 4. */
const MAX_V6_CHARS = 45;
const MIN_V6_GROUPS = 3;

/** Finds addresses of version 4, by their four numbers. Four numbers after the word `version` are none. */
export function findIpv4Addresses(text: string, runs: DigitRuns, spans: Span[]): void {
  for (let run = 0; run + 3 < runs.count; run += 1) {
    const start = runs.start(run);
    const before = text.charCodeAt(start - 1);
    if (start > 0 && (isWord(before) || before === 0x2e || before === 0x2d)) continue;
    if (!isQuad(text, runs, run)) continue;
    const end = runs.end(run + 3);
    const after = text.charCodeAt(end);
    if (isWord(after) || (after === 0x2e && isDigit(text.charCodeAt(end + 1)))) continue;
    if (/(?:version|release|build|\bv)[\s:]*$/i.test(text.slice(Math.max(0, start - 12), start))) continue;
    spans.push({ start, end, label: LABEL });
    run += 3;
  }
}

function isQuad(text: string, runs: DigitRuns, first: number): boolean {
  for (let run = first; run < first + 4; run += 1) {
    const size = runs.size(run);
    if (size > 3 || (size > 1 && text[runs.start(run)] === '0')) return false;
    if (Number(text.slice(runs.start(run), runs.end(run))) > MAX_OCTET) return false;
    if (run > first && (runs.start(run) - runs.end(run - 1) !== 1 || text[runs.end(run - 1)] !== '.'))
      return false;
  }
  return true;
}

/** Finds addresses of version 6: at least three groups, so that `a::b` in a program is none. */
export function findIpv6Addresses(text: string, spans: Span[]): void {
  let colon = text.indexOf(':');
  let done = 0;
  while (colon !== -1) {
    let start = colon;
    while (start > done && colon - start < MAX_V6_CHARS && isV6(text.charCodeAt(start - 1))) start -= 1;
    let end = colon + 1;
    while (end < text.length && end - start <= MAX_V6_CHARS && isV6(text.charCodeAt(end))) end += 1;
    const stop = end;
    while (end > colon && (text[end - 1] === '.' || (text[end - 1] === ':' && text[end - 2] !== ':')))
      end -= 1;
    const free =
      (start === 0 || !isWord(text.charCodeAt(start - 1))) &&
      (stop === text.length || !isWord(text.charCodeAt(stop)));
    if (free && isAddress(text.slice(start, end))) spans.push({ start, end, label: LABEL });
    done = stop;
    colon = text.indexOf(':', stop);
  }
}

function isAddress(candidate: string): boolean {
  if (candidate.length > MAX_V6_CHARS || !isIPv6(candidate)) return false;
  const groups = candidate.split(':').filter((group) => group !== '');
  return (
    candidate === '::1' ||
    ((groups.length >= MIN_V6_GROUPS || candidate.includes('.')) && /\d/.test(candidate))
  );
}

/** Hexadecimal digits, colons, and the points of an address of version 4 at the end. */
function isV6(code: number): boolean {
  return (
    isDigit(code) ||
    code === 0x3a ||
    code === 0x2e ||
    (code >= 0x61 && code <= 0x66) ||
    (code >= 0x41 && code <= 0x46)
  );
}
