import { readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { temporaryFolder } from '@tollgate/testing';
import { ed25519Signer, formatSignerKey } from '@tollgate/transparency-log';
import { describe, expect, it } from 'vitest';
import { openLogSigners, readLogSigners } from './log-signers.ts';

const seed = Buffer.alloc(32, 7);
const key = formatSignerKey(ed25519Signer('log.example.com/audit', seed).key, seed);
const newFile = () => path.join(temporaryFolder('key'), 'log.key');

describe("the log's key", () => {
  it('is made at the first start, for its owner alone, and read at the next', async () => {
    const file = newFile();
    const made = await openLogSigners(file, { origin: 'log.example.com/audit', begun: false });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await readFile(file, 'utf8')).toMatch(/^PRIVATE\+KEY\+log\.example\.com\/audit\+/);
    const again = await openLogSigners(file, { origin: undefined, begun: true });
    expect(again.origin).toBe('log.example.com/audit');
    expect(again.verifierKeys).toEqual(made.verifierKeys);
  });

  it('is one, whoever of several starts first', async () => {
    const file = newFile();
    const all = await Promise.all(
      Array.from({ length: 5 }, () => openLogSigners(file, { origin: undefined, begun: false })),
    );
    expect(new Set(all.map(({ verifierKeys }) => verifierKeys[0])).size).toBe(1);
  });

  it('is never made anew for a log that has checkpoints', async () => {
    await expect(openLogSigners(newFile(), { origin: undefined, begun: true })).rejects.toMatchObject({
      code: 'log_key',
    });
  });

  it.each([
    ['nothing', ''],
    ['no key', 'PRIVATE+KEY+nonsense'],
    ['a key of another log', `${key}\n${key.replace('log.example.com', 'log.example.org')}`],
    ['too many keys', `${key}\n`.repeat(9)],
  ])('is refused where the file holds %s, in words that do not hold it', async (_, text) => {
    const file = newFile();
    await writeFile(file, text);
    const attempt = openLogSigners(file, { origin: undefined, begun: false });
    await expect(attempt).rejects.toMatchObject({ code: 'log_key' });
    await expect(attempt).rejects.not.toThrow(key.slice(-20));
  });

  it('signs other texts, but none that could pass for a checkpoint', () => {
    const signers = readLogSigners(key, undefined);
    expect(signers.signText('tollgate.completeness/v1\n{}\n')).toContain('— log.example.com/audit ');
    const checkpoint = signers.sign(7, Buffer.alloc(32)).checkpoint.split('\n\n')[0];
    expect(() => signers.signText(`${checkpoint}\n`)).toThrow(expect.objectContaining({ code: 'log_key' }));
  });

  it('is refused under another origin', () => {
    expect(() => readLogSigners(key, 'log.example.com/other')).toThrow(/stays the same for ever/);
  });
});
