/** Printable ASCII without quote and backslash: what stands in JSON as it is. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** `value` as a JSON string. Well-formed whatever it holds: lone surrogates become escapes. */
export function jsonString(value: string): string {
  return PLAIN.test(value) ? `"${value}"` : JSON.stringify(value);
}

/** `value` as a JSON string, or `null`. */
export function jsonStringOrNull(value: string | null): string {
  return value === null ? 'null' : jsonString(value);
}

/** `value` as a JSON number, or `null`. */
export function jsonNumberOrNull(value: number | null): string {
  return value === null ? 'null' : String(value);
}
