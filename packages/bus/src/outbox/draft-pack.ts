import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import type { DraftText } from './draft-text.ts';

/** What is put out under a key, its text made. */
export type KeyedText = { readonly key: string; readonly draft: DraftText };

/** A draft as the relay takes it up: the bytes of its text. */
export type KeyedDraft = { readonly key: string; readonly draft: Buffer };

/** Drafts from which on they are packed; fewer lie in the outbox as text, one a row. */
export const MIN_PACK = 8;
/** Bounds of a pack, so that a relay, which takes whole packs, takes little more than it wants at a time. */
const MAX_PACK = 1_000;
const MAX_PACK_UNITS = 2 * 1024 * 1024;
const MAX_UTF8_BYTES_PER_UNIT = 3;
const LENGTH_BYTES = 4;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
/** 1.5 µs for a text of 1.3 KB among its like, of which a tenth is left; higher levels take longer and leave no less. */
const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** More than a pack can come to. */
const DECOMPRESSION = { maxOutputLength: 2 * MAX_UTF8_BYTES_PER_UNIT * MAX_PACK_UNITS };

/** The entries in stretches that make a pack each. */
export function packs(entries: readonly KeyedText[]): KeyedText[][] {
  const made: KeyedText[][] = [];
  let units = 0;
  for (const entry of entries) {
    const more = entry.key.length + entry.draft.length;
    const last = made.at(-1);
    if (last === undefined || last.length === MAX_PACK || units + more > MAX_PACK_UNITS) {
      made.push([entry]);
      units = more;
    } else {
      last.push(entry);
      units += more;
    }
  }
  return made;
}

/** Keys and drafts, each behind its length in bytes (32 bits, big-endian), compressed by zstd. */
export async function packDrafts(entries: readonly KeyedText[]): Promise<Buffer> {
  const units = entries.reduce((sum, { key, draft }) => sum + key.length + draft.length, 0);
  const plain = Buffer.allocUnsafe(entries.length * 2 * LENGTH_BYTES + units * MAX_UTF8_BYTES_PER_UNIT);
  let at = 0;
  for (const { key, draft } of entries) {
    at = writeText(plain, key, at);
    at = writeText(plain, draft, at);
  }
  return compress(plain.subarray(0, at), COMPRESSION);
}

/** @throws Error where the bytes are no pack */
export async function unpackDrafts(pack: Buffer): Promise<KeyedDraft[]> {
  const plain = await decompress(pack, DECOMPRESSION);
  const entries: KeyedDraft[] = [];
  for (let at = 0; at < plain.length; ) {
    const key = textAt(plain, at);
    const draft = textAt(plain, at + LENGTH_BYTES + key.length);
    at += 2 * LENGTH_BYTES + key.length + draft.length;
    entries.push({ key: key.toString('utf8'), draft });
  }
  return entries;
}

function writeText(into: Buffer, text: string, at: number): number {
  const bytes = into.write(text, at + LENGTH_BYTES, 'utf8');
  into.writeUInt32BE(bytes, at);
  return at + LENGTH_BYTES + bytes;
}

function textAt(plain: Buffer, at: number): Buffer {
  const start = at + LENGTH_BYTES;
  const end = start + plain.readUInt32BE(at);
  if (end > plain.length) throw new RangeError('a pack of the outbox is cut off');
  return plain.subarray(start, end);
}
