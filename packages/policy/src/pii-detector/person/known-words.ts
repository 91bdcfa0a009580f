import packed from './known-words.json' with { type: 'json' };

/** So many bits of a hash tell words apart: of words that are in no list, one of 150 is taken for one that is. */
const HASH_BITS = 24;

/** What `known-words.json` says of a word, as bits. */
export const PACKED = { given: 1, family: 2, ordinary: 4 } as const;
const PACKED_MARK_BITS = 3;

/** Calls for each word of the packed lists, with what is left of its hash and with its marks. */
export function eachKnownWord(take: (hash: number, marks: number) => void): void {
  const bytes = Buffer.from(packed.words, 'base64');
  let hash = 0;
  let value = 0;
  let shift = 0;
  for (const byte of bytes) {
    value |= (byte & 0x7f) << shift;
    shift += 7;
    if (byte >= 0x80) continue;
    hash += value >>> PACKED_MARK_BITS;
    take(hash, value & ((1 << PACKED_MARK_BITS) - 1));
    value = 0;
    shift = 0;
  }
}

/** Packs words: the differences of their hashes in order, each with the word's marks behind it, seven bits a byte (LEB128). */
export function packedWords(marksByHash: ReadonlyMap<number, number>): string {
  const bytes: number[] = [];
  let last = 0;
  for (const [hash, marks] of [...marksByHash].sort(([one], [other]) => one - other)) {
    let value = ((hash - last) << PACKED_MARK_BITS) | marks;
    last = hash;
    while (value >= 0x80) {
      bytes.push((value & 0x7f) | 0x80);
      value >>>= 7;
    }
    bytes.push(value);
  }
  return Buffer.from(bytes).toString('base64');
}

/** What is left of a hash of 32 bits. */
export function shortHash(hash: number): number {
  return ((hash >>> HASH_BITS) ^ hash) & ((1 << HASH_BITS) - 1);
}
