import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from '@tollgate/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readTar, type TarFile, tarEnd, tarEntry } from './tar.ts';

const name = fc.stringMatching(/^[a-z]{1,12}(\/[a-z0-9.]{1,12})?$/);
const bytes = fc.uint8Array({ maxLength: 1_200 }).map((each) => Buffer.from(each));
const files = fc.array(fc.record({ name, bytes }), { maxLength: 4 });
const packed = (all: readonly TarFile[]) => Buffer.concat([...all.map(tarEntry), tarEnd]);

async function* inPieces(tar: Buffer, length: number): AsyncGenerator<Buffer> {
  for (let at = 0; at < tar.length; at += length) yield tar.subarray(at, at + length);
}
const read = (tar: Buffer, length = 333) => Array.fromAsync(readTar(inPieces(tar, length)));

test('what is packed is read again, in whatever pieces it comes', async () => {
  await fc.assert(
    fc.asyncProperty(files, fc.integer({ min: 1, max: 2_000 }), async (all, length) => {
      expect(await read(packed(all), length)).toEqual(all);
    }),
  );
});

test('no byte changes unseen: it is refused, or another file comes out', async () => {
  const all = [
    { name: 'one', bytes: Buffer.from('some text') },
    { name: 'two/of.them', bytes: Buffer.alloc(513, 7) },
  ];
  const tar = packed(all);
  for (let at = 0; at < tar.length; at += 1) {
    const changed = Buffer.from(tar);
    changed[at] = (changed[at] ?? 0) ^ 0x20;
    const outcome = await read(changed).catch((error: unknown) => error);
    if (Array.isArray(outcome)) expect(outcome, `byte ${at}`).not.toEqual(all);
    else expect(outcome, `byte ${at}`).toMatchObject({ code: 'bundle_invalid' });
  }
  for (const cut of [1, 512, 1_024, tar.length - 1]) {
    await expect(read(tar.subarray(0, -cut))).rejects.toMatchObject({ code: 'bundle_invalid' });
  }
});

test('any tar program lists and unpacks it', () => {
  const folder = temporaryFolder('tar');
  const file = path.join(folder, 'bundle.tar');
  writeFileSync(file, packed([{ name: 'tree/000000.ndjson', bytes: Buffer.from('{}\n') }]));
  expect(execFileSync('tar', ['-tf', file], { encoding: 'utf8' })).toBe('tree/000000.ndjson\n');
  expect(execFileSync('tar', ['-xOf', file], { encoding: 'utf8' })).toBe('{}\n');
});
