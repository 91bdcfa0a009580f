/**
 * Packs what `make-names.ts` wrote into `known-words.json`:
 *
 *     node pack-names.ts NAMES > ../known-words.json
 */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { PACKED, packedWords, shortHash } from '../known-words.ts';
import { lowerHash } from '../letters.ts';

const lists = z.object({ source: z.string(), given: z.string(), family: z.string(), ordinary: z.string() });
const [file = ''] = process.argv.slice(2);
const { source, given, family, ordinary } = lists.parse(JSON.parse(readFileSync(file, 'utf8')));
const marksByHash = new Map<number, number>();
add(given, PACKED.given);
add(family, PACKED.family);
add(ordinary, PACKED.ordinary);
process.stdout.write(`${JSON.stringify({ source, words: packedWords(marksByHash) }, null, 2)}\n`);

function add(list: string, mark: number): void {
  for (const word of list.split(' ')) {
    const hash = shortHash(lowerHash(word, 0, word.length));
    marksByHash.set(hash, (marksByHash.get(hash) ?? 0) | mark);
  }
}
