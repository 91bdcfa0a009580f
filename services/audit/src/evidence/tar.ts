import { AuditError } from '../errors.ts';

/**
 * POSIX tar (ustar) in the one form that the same files always get: plain files alone, no owner, no time, mode 0444.
 * Whatever else a tar could say is refused by the reader, so that no byte of one may change unseen.
 */

const BLOCK = 512;
const NAME_BYTES = 100;
const MAX_FILE_BYTES = 64 << 20;
const END = Buffer.alloc(2 * BLOCK);
const CHECKSUM_AT = 148;
const CHECKSUM_BYTES = 8;

export interface TarFile {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The bytes of one file: header, contents, padding. The archive ends in `tarEnd`. */
export function tarEntry({ name, bytes }: TarFile): Buffer {
  const padding = Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK);
  return Buffer.concat([headerOf(name, bytes.length), bytes, padding]);
}

export const tarEnd: Buffer = END;

/**
 * The files of such an archive, one after the other.
 * @throws AuditError `bundle_invalid` for any byte that `tarEntry` and `tarEnd` would not have written
 */
export async function* readTar(chunks: AsyncIterable<Buffer>): AsyncGenerator<TarFile> {
  const source = new Blocks(chunks);
  for (;;) {
    const header = await source.take(BLOCK);
    if (header.equals(END.subarray(0, BLOCK))) {
      const rest = await source.take(BLOCK);
      if (!rest.equals(END.subarray(0, BLOCK)) || (await source.more()))
        throw invalid('something follows its end');
      return;
    }
    const name = header.subarray(0, header.indexOf(0)).toString('latin1');
    const size = Number.parseInt(header.subarray(124, 135).toString('latin1'), 8);
    if (!(size >= 0 && size <= MAX_FILE_BYTES))
      throw invalid('a file in it is too large, or its header is damaged');
    if (!header.equals(headerOf(name, size))) throw invalid('a header in it is not as it was written');
    const bytes = await source.take(size);
    const padding = await source.take((BLOCK - (size % BLOCK)) % BLOCK);
    if (padding.some((byte) => byte !== 0)) throw invalid('the padding of a file in it was changed');
    yield { name, bytes };
  }
}

function headerOf(name: string, size: number): Buffer {
  if (!/^[A-Za-z0-9._/-]+$/.test(name) || name.length > NAME_BYTES || size > MAX_FILE_BYTES) {
    throw invalid('it has a name or a size that none of its files has');
  }
  const header = Buffer.alloc(BLOCK);
  header.write(name, 0, 'latin1');
  header.write('0000444\0', 100, 'latin1');
  header.write('0000000\0', 108, 'latin1');
  header.write('0000000\0', 116, 'latin1');
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  header.write('00000000000\0', 136, 'latin1');
  header.fill(' ', CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_BYTES);
  header.write('0', 156, 'latin1');
  header.write('ustar\u000000', 257, 'latin1');
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, CHECKSUM_AT, 'latin1');
  return header;
}

/** Takes so many bytes at a time out of pieces of any length. */
class Blocks {
  readonly #chunks: AsyncIterator<Buffer>;
  #left: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async take(bytes: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let missing = bytes;
    while (missing > 0) {
      if (this.#left.length === 0 && !(await this.more())) throw invalid('it is cut short');
      const part = this.#left.subarray(0, missing);
      parts.push(part);
      missing -= part.length;
      this.#left = this.#left.subarray(part.length);
    }
    return Buffer.concat(parts);
  }

  /** Whether there is anything left. */
  async more(): Promise<boolean> {
    while (this.#left.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      this.#left = next.value;
    }
    return true;
  }
}

function invalid(what: string): AuditError {
  return new AuditError('bundle_invalid', `this is not an evidence bundle as it was made: ${what}`);
}
