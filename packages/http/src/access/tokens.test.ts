import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { hashCredential, mintCredential, parseBearer } from './tokens.ts';

test('a credential is its prefix and 32 random bytes in base64url, and its hash is SHA-256 of the whole', () => {
  const { secret, sha256 } = mintCredential('key', (size) => Buffer.alloc(size, 0xff));
  expect(secret).toBe(`tgk_${'_'.repeat(42)}8`);
  expect(sha256).toBe(createHash('sha256').update(secret).digest('hex'));
  expect(hashCredential(secret)).toBe(sha256);
  expect(mintCredential('token').secret).toMatch(/^tgs_[A-Za-z0-9_-]{43}$/);
});

test('no two credentials are alike', () => {
  const secrets = new Set(Array.from({ length: 1_000 }, () => mintCredential('token').secret));
  expect(secrets.size).toBe(1_000);
});

test.each([
  ['Bearer tgs_abc', 'tgs_abc'],
  ['bearer  tgs_abc ', 'tgs_abc'],
  ['Bearer ', null],
  ['Basic dXNlcjpwYXNz', null],
  ['Bearer a b', null],
  [`Bearer ${'a'.repeat(513)}`, null],
  ['', null],
  [undefined, null],
])('of the header %s the credential is %s', (header, credential) => {
  expect(parseBearer(header)).toBe(credential);
});
