import { TransparencyLogError } from '../errors.ts';
import { bytesAsBuffer, decodeBase64, encodeBase64 } from '../text/base64.ts';
import { decodeText, type TextInput } from '../text/utf8.ts';
import { isKeyName } from './key.ts';

/** The longest note that is read: a hundred of the longest signatures there are, and as much text again. */
export const MAX_NOTE_BYTES = 1_048_576;

/** The most signatures in a note, as Go's implementation has it; the specification asks for at least 16. */
export const MAX_SIGNATURES = 100;

const KEY_ID_BYTES = 4;
const LINE_PREFIX = '\u2014 ';
// biome-ignore lint/suspicious/noControlCharactersInRegex: notes are refused for exactly these
const CONTROL_CHARACTER = /[\u0000-\u0009\u000b-\u001f]/;

/** A signature line of a note. Nothing of it is believed before its key has verified it. */
export interface NoteSignature {
  readonly name: string;
  readonly keyId: number;
  /** What the key made, without the key id before it. */
  readonly signature: Uint8Array;
}

/** A text and its signatures. */
export interface Note {
  /** Ends in a newline, which is signed with it. */
  readonly text: string;
  readonly signatures: readonly NoteSignature[];
}

/**
 * A note as it is written. Nothing is verified: use `openNote`. Throws `bad-note` where it is longer than 1 MiB, has more
 * than 100 signatures, is not UTF-8, has control characters, no text or no signature, or a line that isn't one.
 */
export function parseNote(input: TextInput): Note {
  const note = decodeText(input, MAX_NOTE_BYTES);
  if (note === undefined) {
    throw badNote(`it is not UTF-8 or longer than ${MAX_NOTE_BYTES} bytes`);
  }
  if (CONTROL_CHARACTER.test(note)) {
    throw badNote('it has control characters other than newlines');
  }
  const split = note.lastIndexOf('\n\n');
  if (split < 0) {
    throw badNote('no blank line parts its text from its signatures');
  }
  return { text: note.slice(0, split + 1), signatures: parseSignatureLines(note.slice(split + 2)) };
}

/** One or more signature lines, each ended by a newline: the end of a note, or what a witness answers. Throws `bad-note`. */
export function parseSignatureLines(lines: string): NoteSignature[] {
  if (!lines.endsWith('\n')) {
    throw badNote('its signatures do not end in a newline');
  }
  const split = lines.slice(0, -1).split('\n', MAX_SIGNATURES + 1);
  if (split.length > MAX_SIGNATURES) {
    throw badNote(`it has more than ${MAX_SIGNATURES} signatures`);
  }
  return split.map(parseSignatureLine);
}

/** The note as it is stored and sent. Throws `bad-note` for what `parseNote` would refuse. */
export function formatNote({ text, signatures }: Note): string {
  const note = `${text}\n${signatures.map(formatSignatureLine).join('')}`;
  const read = parseNote(note);
  if (read.text !== text || read.signatures.length !== signatures.length) {
    throw badNote('its text does not end in a newline, or it has no signatures');
  }
  return note;
}

/** `— name base64(key id ‖ signature)` and a newline; the dash is U+2014. */
export function formatSignatureLine({ name, keyId, signature }: NoteSignature): string {
  const bytes = Buffer.alloc(KEY_ID_BYTES + signature.length);
  bytes.writeUInt32BE(keyId);
  bytes.set(signature, KEY_ID_BYTES);
  return `${LINE_PREFIX}${name} ${encodeBase64(bytes)}\n`;
}

function parseSignatureLine(line: string): NoteSignature {
  const space = line.indexOf(' ', LINE_PREFIX.length);
  const name = line.slice(LINE_PREFIX.length, space);
  const bytes = decodeBase64(line.slice(space + 1));
  if (!line.startsWith(LINE_PREFIX) || space < 0 || !isKeyName(name)) {
    throw badNote('a line after its text is not a signature: em dash, key name, base64');
  }
  if (bytes === undefined || bytes.length <= KEY_ID_BYTES) {
    throw badNote('a signature in it is not the base64 of a key id and a signature');
  }
  return { name, keyId: bytesAsBuffer(bytes).readUInt32BE(), signature: bytes.subarray(KEY_ID_BYTES) };
}

function badNote(what: string): TransparencyLogError {
  return new TransparencyLogError('bad-note', `this is not a signed note: ${what}`);
}
