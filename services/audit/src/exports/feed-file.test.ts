import { appendFile, readFile, truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { temporaryFolder } from '@tollgate/testing';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FeedFile } from './feed-file.ts';

const LINES = Array.from(
  { length: 12 },
  (_, leaf) => `{"leaf_index":${leaf},"name":"é${'x'.repeat(leaf)}"}\n`,
);
const ALL = LINES.join('');

const newFile = () => path.join(temporaryFolder('feed-file'), 'feed.ndjson');

/** Feeds pages of so many lines from a line on; to how many bytes the file then is known to be fed. */
async function feed(
  file: string,
  from: number,
  bytes: number,
  pageSizes: readonly number[],
): Promise<number> {
  const output = await FeedFile.open(file);
  await output.resumeAt(bytes);
  let [line, fed] = [from, bytes];
  for (const size of pageSizes) {
    const page = LINES.slice(line, line + size).join('');
    if (page !== '') fed = await output.write(page);
    line += size;
  }
  await output.close();
  return fed;
}

describe('the file of a feed', () => {
  it('holds every line once, wherever a crash cut what was written behind the state', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: LINES.length }),
        fc.nat(),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 12, maxLength: 12 }),
        async (kept, cut, pageSizes) => {
          const file = newFile();
          const bytes = await feed(file, 0, 0, [kept]);
          expect(bytes).toBe(Buffer.byteLength(LINES.slice(0, kept).join('')));
          // Pages that were written, whole or in part, before the state was.
          await feed(file, kept, bytes, [LINES.length]);
          const size = Buffer.byteLength(ALL);
          await truncate(file, bytes + (cut % (size - bytes + 1)));
          const fed = await feed(file, kept, bytes, pageSizes);
          expect(await readFile(file, 'utf8')).toBe(ALL);
          expect(fed).toBe(size);
        },
      ),
      { numRuns: 60 },
    );
  });

  it('keeps what others wrote there, and begins a line of its own behind it', async () => {
    const file = newFile();
    const bytes = await feed(file, 0, 0, [2]);
    await appendFile(file, 'torn by somebody');
    await feed(file, 2, bytes, [1, 1]);
    expect((await readFile(file, 'utf8')).split('\n')).toEqual(
      [...LINES.slice(0, 2), 'torn by somebody\n', ...LINES.slice(2, 4), ''].map((line) => line.trimEnd()),
    );
  });

  it('goes on in an empty one after a rotation', async () => {
    const file = newFile();
    const bytes = await feed(file, 0, 0, [5]);
    await writeFile(file, '');
    await feed(file, 5, bytes, [7]);
    expect(await readFile(file, 'utf8')).toBe(LINES.slice(5).join(''));
  });
});
