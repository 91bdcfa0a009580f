import { readFileSync } from 'node:fs';

/** A file of `testdata`, which other implementations made (see `testdata/generate/main.go`). */
export function golden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../../testdata/${name}`, import.meta.url), 'utf8')) as T;
}

/** The bytes of standard base64. */
export function base64(text: string): Uint8Array {
  return Buffer.from(text, 'base64');
}

/** The bytes of hexadecimal digits. */
export function hex(digits: string): Uint8Array {
  return Buffer.from(digits, 'hex');
}
