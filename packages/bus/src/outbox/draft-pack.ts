import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { MAX_PACK_BYTES } from './draft-batch.ts';

/** A draft as the relay takes it up: the bytes of its text. */
export type KeyedDraft = { readonly key: string; readonly draft: Buffer };

const LENGTH_BYTES = 4;

const compress = promisify(zstdCompress);
const decompress = promisify(zstdDecompress);
/** 1.5 µs for a text of 1.3 KB among its like, of which a tenth is left; higher levels take longer and leave no less. */
const COMPRESSION = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** More than a pack can come to. */
const DECOMPRESSION = { maxOutputLength: 2 * MAX_PACK_BYTES, chunkSize: 512 * 1024 };

/** A pack as the outbox holds it. */
export function compressPack(plain: Buffer): Promise<Buffer> {
  return compress(plain, COMPRESSION);
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

function textAt(plain: Buffer, at: number): Buffer {
  const start = at + LENGTH_BYTES;
  const end = start + plain.readUInt32BE(at);
  if (end > plain.length) throw new RangeError('a pack of the outbox is cut off');
  return plain.subarray(start, end);
}
