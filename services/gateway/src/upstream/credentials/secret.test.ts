import { renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@tollgate/testing';
import { describe, expect, test } from 'vitest';
import { Secret } from './secret.ts';

const inFile = (text = 'first\n') => {
  const file = join(temporaryFolder('secret'), 'token');
  writeFileSync(file, text);
  return { file, secret: new Secret({ TOKEN_FILE: file }, 'TOKEN', 'target one') };
};

describe('a secret', () => {
  test('that a header can not carry is refused without being shown', () => {
    const bad = () => new Secret({ TOKEN: 'secret\nvalue' }, 'TOKEN', 'target one');
    expect(bad).toThrow(/^TOKEN: /);
    expect(bad).not.toThrow(/secret/);
  });

  test('may come from a file, which has to be there', () => {
    const { file, secret } = inFile();
    expect(secret.value).toBe('first');
    expect(() => new Secret({ TOKEN_FILE: `${file}-none` }, 'TOKEN', 'target one')).toThrow(
      /^TOKEN_FILE: can't be read/,
    );
  });

  test('of a variable never changes, and has an age only where one is stated', async () => {
    const plain = new Secret({ TOKEN: 'a' }, 'TOKEN', 'target one');
    expect(await plain.look(true)).toBe(false);
    expect(plain.issuedAtMs).toBeNull();
    const dated = new Secret({ TOKEN: 'a', TOKEN_ISSUED_AT: '2026-03-01' }, 'TOKEN', 'target one');
    expect(dated.issuedAtMs).toBe(Date.parse('2026-03-01'));
    expect(() => new Secret({ TOKEN: 'a', TOKEN_ISSUED_AT: 'soon' }, 'TOKEN', 'target one')).toThrow(
      /^TOKEN_ISSUED_AT: must be a date/,
    );
  });
});

describe('a file that is replaced', () => {
  test('is taken up at the second look that finds it, and the secret before stays known', async () => {
    const { file, secret } = inFile();
    writeFileSync(`${file}.new`, 'second\n');
    utimesSync(`${file}.new`, 1_000, 1_000);
    renameSync(`${file}.new`, file);
    expect([await secret.look(false), secret.value]).toEqual([false, 'first']);
    expect([await secret.look(false), secret.value]).toEqual([true, 'second']);
    expect(secret.all()).toEqual(['second', 'first']);
    expect(secret.issuedAtMs).toBe(1_000_000);
  });

  test('is taken up at once where the old secret is refused', async () => {
    const { file, secret } = inFile();
    writeFileSync(file, 'second');
    expect([await secret.look(true), secret.value]).toEqual([true, 'second']);
  });

  test('is not taken up while it grows', async () => {
    const { file, secret } = inFile();
    for (const text of ['', 'se', 'sec', 'second']) {
      writeFileSync(file, text);
      expect([await secret.look(false), secret.value]).toEqual([false, 'first']);
    }
    expect(await secret.look(false)).toBe(true);
  });

  test('by nothing, or by what is no secret, changes nothing and says so', async () => {
    const { file, secret } = inFile();
    rmSync(file);
    expect(await secret.look(true)).toBe(false);
    expect(secret.trouble).toMatch(/^TOKEN_FILE can't be read \(ENOENT\)/);
    writeFileSync(file, 'two lines\nof text');
    expect(await secret.look(true)).toBe(false);
    expect(secret.trouble).toMatch(/^TOKEN_FILE holds no credential/);
    expect(secret.trouble).not.toContain('lines');
    expect(secret.value).toBe('first');
    writeFileSync(file, 'first');
    await secret.look(false);
    expect(secret.trouble).toBeNull();
  });

  test('says how old its secret is', async () => {
    const { file, secret } = inFile();
    await secret.look(false);
    expect(secret.issuedAtMs).toBeCloseTo(statSync(file).mtimeMs, 0);
  });
});
