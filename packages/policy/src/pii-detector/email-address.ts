import type { Span } from '../texts/redactions.ts';

const LABEL = 'EMAIL';

/** RFC 5321 allows 64 octets before the sign and 255 after it. */
const MAX_LOCAL_CHARS = 64;
const MAX_DOMAIN_CHARS = 255;

/** The sign itself, its full-width form, and its forms in addresses of pages. */
const SIGNS = ['@', '＠', '%40'] as const;

/** `logo@2x.png` is the name of a file. */
const IMAGES = /^(?:png|jpe?g|gif|svg|webp|avif)$/i;

/** Finds addresses around each sign, walking outwards: no backtracking, whatever the text. */
export function findEmailAddresses(text: string, spans: Span[]): void {
  for (const sign of SIGNS) {
    let at = text.indexOf(sign);
    let done = 0;
    while (at !== -1) {
      const after = at + sign.length;
      const start = localStart(text, at, done);
      const end = start < at ? domainEnd(text, after) : after;
      if (end > after) {
        spans.push({ start, end, label: LABEL });
        done = end;
      }
      at = text.indexOf(sign, Math.max(after, end));
    }
  }
}

/** Where the part before the sign begins: no dot first, last or twice. */
function localStart(text: string, at: number, least: number): number {
  if (text[at - 1] === '.') return at;
  let start = at;
  const limit = Math.max(least, at - MAX_LOCAL_CHARS);
  while (start > limit && isLocal(text.charCodeAt(start - 1))) {
    if (text[start - 1] === '.' && text[start] === '.') break;
    start -= 1;
  }
  while (start < at && text[start] === '.') start += 1;
  return start;
}

/** Where the domain ends, or where it begins if it is none: labels apart by dots, the last of them letters. */
function domainEnd(text: string, from: number): number {
  let end = from;
  let label = from;
  let labels = 0;
  let best = from;
  const limit = Math.min(text.length, from + MAX_DOMAIN_CHARS);
  while (end < limit) {
    const code = text.charCodeAt(end);
    if (code === 0x2e) {
      if (end === label || end + 1 >= limit || !isDomain(text.charCodeAt(end + 1))) break;
      labels += 1;
      label = end + 1;
    } else if (!isDomain(code) && !(code === 0x2d && end > label)) break;
    end += 1;
    if (labels > 0 && code !== 0x2e && end - label >= 2) best = end;
  }
  while (best > from && text[best - 1] === '-') best -= 1;
  // The last label of a name is letters; digits alone would be an address of another kind.
  const last = text.slice(label, best);
  return best > label && !/\d/.test(last) && !IMAGES.test(last) ? best : from;
}

function isLocal(code: number): boolean {
  if (isDomain(code)) return true;
  // . _ % + - ' and the others that are allowed unquoted, but for those that end words in prose.
  return code === 0x2e || code === 0x5f || code === 0x25 || code === 0x2b || code === 0x2d || code === 0x27;
}

/** Letters and digits; beyond ASCII, whatever is no space, punctuation or symbol of common texts. */
function isDomain(code: number): boolean {
  if (code < 0x80) {
    return (code >= 0x61 && code <= 0x7a) || (code >= 0x41 && code <= 0x5a) || (code >= 0x30 && code <= 0x39);
  }
  return (
    code >= 0xc0 &&
    !(code >= 0x2000 && code <= 0x2bff) &&
    !(code >= 0x3000 && code <= 0x3020) &&
    code < 0xff00
  );
}
