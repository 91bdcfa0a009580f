import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from '@tollgate/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { scanFolders } from './scan.ts';

const CHUNK_BYTES = 1 << 20;

test('finds what it looks for wherever it lies, also where it spans what is read at once', async () => {
  const folder = temporaryFolder('scan');
  mkdirSync(path.join(folder, 'below'));
  const file = path.join(folder, 'below', 'file');
  const needles = [Buffer.from('needle one'), Buffer.from('ab'), Buffer.alloc(64, 7)].map((bytes, nth) => ({
    what: `needle ${nth}`,
    bytes,
  }));
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...needles),
      fc.oneof(fc.nat(3 * CHUNK_BYTES - 100), fc.integer({ min: CHUNK_BYTES - 80, max: CHUNK_BYTES + 80 })),
      async (needle, at) => {
        const bytes = Buffer.alloc(3 * CHUNK_BYTES, 1);
        needle.bytes.copy(bytes, at);
        writeFileSync(file, bytes);
        const { found, files, bytes: read } = await scanFolders([folder], needles);
        expect(found).toEqual([{ file, what: needle.what }]);
        expect([files, read]).toEqual([1, bytes.length]);
      },
    ),
    { numRuns: 30 },
  );
});

test('tells what it could not read, and passes over what is not there', async () => {
  const folder = temporaryFolder('scan');
  writeFileSync(path.join(folder, 'file'), 'nothing');
  const needles = [{ what: 'it', bytes: Buffer.from('it is here') }];
  expect(await scanFolders([folder, path.join(folder, 'gone')], needles)).toMatchObject({
    files: 1,
    found: [],
    unread: [],
  });
});
