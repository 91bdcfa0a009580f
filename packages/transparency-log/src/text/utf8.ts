const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Text as it is read from outside: bytes that must be UTF-8, or a string that must be encodable as such. */
export type TextInput = Uint8Array | string;

/** The text of at most `maxBytes` bytes, or undefined where it is longer or not UTF-8. */
export function decodeText(input: TextInput, maxBytes: number): string | undefined {
  if (typeof input === 'string') {
    return input.length <= maxBytes && input.isWellFormed() && Buffer.byteLength(input) <= maxBytes
      ? input
      : undefined;
  }
  if (input.length > maxBytes) {
    return undefined;
  }
  try {
    return decoder.decode(input);
  } catch {
    return undefined;
  }
}

/** The UTF-8 bytes of a text. */
export function encodeText(text: string): Uint8Array {
  return Buffer.from(text, 'utf8');
}
