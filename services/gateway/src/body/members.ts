const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;

/** One member of an object: its name, and its bytes from the name's quote to the end of the value. */
export interface Member {
  readonly name: string;
  readonly bytes: Buffer;
}

/**
 * The members of the outermost object, in order, as the bytes they came in. The text has to be valid JSON and an
 * object (it has been parsed before); so this only finds where members begin and end.
 */
export function topLevelMembers(json: Buffer): Member[] {
  const members: Member[] = [];
  let i = afterSpace(json, json.indexOf(OPEN_OBJECT) + 1);
  while (i < json.length && json[i] !== CLOSE_OBJECT) {
    const start = i;
    const nameEnd = afterString(json, start);
    i = afterValue(json, afterSpace(json, afterSpace(json, nameEnd) + 1));
    const name: unknown = JSON.parse(json.toString('utf8', start, nameEnd));
    members.push({ name: String(name), bytes: json.subarray(start, i) });
    i = afterSpace(json, i);
    if (json[i] === COMMA) i = afterSpace(json, i + 1);
  }
  return members;
}

function afterSpace(json: Buffer, from: number): number {
  let i = from;
  while (json[i] === 0x20 || json[i] === 0x0a || json[i] === 0x0d || json[i] === 0x09) i += 1;
  return i;
}

function afterString(json: Buffer, from: number): number {
  let i = from + 1;
  while (i < json.length && json[i] !== QUOTE) i += json[i] === BACKSLASH ? 2 : 1;
  return i + 1;
}

function afterValue(json: Buffer, from: number): number {
  let depth = 0;
  let i = from;
  while (i < json.length) {
    const c = json[i];
    if (c === QUOTE) {
      i = afterString(json, i);
      if (depth === 0) return i;
      continue;
    }
    if (c === OPEN_OBJECT || c === OPEN_ARRAY) depth += 1;
    else if (c === CLOSE_OBJECT || c === CLOSE_ARRAY) {
      if (depth === 0) return trimmedEnd(json, from, i);
      depth -= 1;
      if (depth === 0) return i + 1;
    } else if (c === COMMA && depth === 0) return trimmedEnd(json, from, i);
    i += 1;
  }
  return i;
}

/** A number or literal ends where the space after it begins. */
function trimmedEnd(json: Buffer, from: number, end: number): number {
  let i = end;
  while (i > from && (json[i - 1] ?? COLON) <= 0x20) i -= 1;
  return i;
}
