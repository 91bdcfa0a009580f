import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { temporaryFolder } from '@tollgate/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { readSnapshot, type Snapshot, writeSnapshot } from './snapshot.ts';

function snapshotOf(entries: number): Snapshot {
  return {
    topic: 'tollgate.directory',
    identity: 'cluster/topic',
    offsets: new Map([
      [0, 5n],
      [11, 9_007_199_254_740_993n],
    ]),
    entries: Array.from({ length: entries }, (_, index) => [
      `ключ-${index}`,
      Buffer.alloc(index % 97, index),
    ]),
  };
}

describe('a snapshot file', () => {
  let folder: string;
  let file: string;
  beforeEach(() => {
    folder = temporaryFolder('snapshot');
    file = path.join(folder, 'directory.snapshot');
  });

  it.each([0, 1, 5_000])('gives back what was written: %i entries', async (entries) => {
    await writeSnapshot(file, snapshotOf(entries));
    expect(await readSnapshot(file)).toEqual(snapshotOf(entries));
  });

  it('is its owner’s alone, and leaves nothing beside it', async () => {
    await writeSnapshot(file, snapshotOf(3));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readdir(folder)).toEqual(['directory.snapshot']);
  });

  it('is missing before the first', async () => {
    expect(await readSnapshot(file)).toBeNull();
  });

  it('is refused where a byte is wrong, missing or too many', async () => {
    await writeSnapshot(file, snapshotOf(20));
    const whole = await readFile(file);
    const broken = [whole.subarray(0, -1), Buffer.concat([whole, Buffer.from([0])]), Buffer.alloc(0)];
    for (let at = 0; at < whole.length; at += 37) {
      const changed = Buffer.from(whole);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      broken.push(changed);
    }
    for (const bytes of broken) {
      await writeFile(file, bytes);
      await expect(readSnapshot(file)).rejects.toThrow(/not a whole snapshot/);
    }
  });

  it('is the old one, whole, where the new one could not be written', async () => {
    await writeSnapshot(file, snapshotOf(2));
    const unwritable: Snapshot = {
      ...snapshotOf(3),
      get entries(): never {
        throw new Error('no more');
      },
    };
    await expect(writeSnapshot(file, unwritable)).rejects.toThrow('no more');
    expect(await readSnapshot(file)).toEqual(snapshotOf(2));
    expect(await readdir(folder)).toEqual(['directory.snapshot']);
  });
});
