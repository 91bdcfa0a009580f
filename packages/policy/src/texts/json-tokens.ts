/** A string or a long whole number of a JSON text, where it stands, and what it spells. */
export interface JsonToken {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Shorter whole numbers are no phone number, card or account. */
const LEAST_DIGITS = 7;

/** Strings, escapes included, and whole numbers. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;

/** Whether a text is an object or a list of JSON. */
export function isJson(text: string): boolean {
  const first = text.trimStart()[0];
  if (first !== '{' && first !== '[') return false;
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** All strings of a JSON text, names of members among them, and its long whole numbers, in their order. */
export function jsonTokens(text: string): JsonToken[] {
  const tokens: JsonToken[] = [];
  for (const { index, 0: token } of text.matchAll(TOKEN)) {
    const end = index + token.length;
    if (token.startsWith('"')) tokens.push({ start: index, end, text: spelled(token) });
    else if (token.length >= LEAST_DIGITS && /^\d+$/.test(token))
      tokens.push({ start: index, end, text: token });
  }
  return tokens;
}

/** The JSON text with other strings in the places of its tokens; `undefined`: as it was. */
export function withTokens(
  text: string,
  tokens: readonly JsonToken[],
  replaced: readonly (string | undefined)[],
): string {
  let result = '';
  let done = 0;
  for (const [index, { start, end }] of tokens.entries()) {
    const other = replaced[index];
    if (other === undefined) continue;
    result += text.slice(done, start) + JSON.stringify(other);
    done = end;
  }
  return result + text.slice(done);
}

function spelled(token: string): string {
  return token.includes('\\') ? String(JSON.parse(token)) : token.slice(1, -1);
}
