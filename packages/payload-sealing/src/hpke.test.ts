import { Aes256Gcm, CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rawPublicKey, setupRecipient, setupSender, x25519Pair, x25519Public } from './hpke.ts';

const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Aes256Gcm(),
});
const pair = x25519Pair(Buffer.alloc(32, 7));
const INFO = Buffer.from('info');

/** A copy in a buffer of its own, as WebCrypto wants it. */
function owned(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer;
}

describe('another implementation of RFC 9180', () => {
  test('opens what we seal, message by message', async () => {
    const sender = setupSender(pair.publicKey, INFO);
    const sealed = [1, 2, 3].map((n) =>
      Buffer.concat(sender.seal(Buffer.from(`aad ${n}`), Buffer.from(`message ${n}`))),
    );
    const recipientKey = await suite.kem.importKey('raw', owned(Buffer.alloc(32, 7)), false);
    const recipient = await suite.createRecipientContext({
      recipientKey,
      enc: owned(sender.encapsulated),
      info: owned(INFO),
    });
    for (const [i, each] of sealed.entries()) {
      const opened = await recipient.open(owned(each), owned(Buffer.from(`aad ${i + 1}`)));
      expect(Buffer.from(opened).toString()).toBe(`message ${i + 1}`);
    }
  });

  test('seals what we open, in any order', async () => {
    const recipientPublicKey = await suite.kem.importKey('raw', owned(rawPublicKey(pair.publicKey)));
    const sender = await suite.createSenderContext({ recipientPublicKey, info: owned(INFO) });
    const sealed: Buffer[] = [];
    for (const n of [0, 1, 2]) {
      sealed.push(Buffer.from(await sender.seal(owned(Buffer.from(`message ${n}`)), owned(Buffer.of(n)))));
    }
    const recipient = setupRecipient(Buffer.from(sender.enc), pair, INFO);
    for (const n of [2, 0, 1]) {
      expect(recipient.open(n, Buffer.of(n), sealed[n] ?? Buffer.alloc(0)).toString()).toBe(`message ${n}`);
    }
  });
});

test('another implementation exports the same secrets, another for each label', async () => {
  const recipientPublicKey = await suite.kem.importKey('raw', owned(rawPublicKey(pair.publicKey)));
  const sender = await suite.createSenderContext({ recipientPublicKey, info: owned(INFO) });
  const ours = setupRecipient(Buffer.from(sender.enc), pair, INFO);
  for (const label of ['one', 'two', '']) {
    const theirs = Buffer.from(await sender.export(owned(Buffer.from(label)), 32));
    expect(ours.exported(Buffer.from(label))).toEqual(theirs);
  }
});

test('whatever bit of a sealed message, its data, its number or the encapsulated key is flipped, it does not open', () => {
  const sender = setupSender(pair.publicKey, INFO);
  const aad = Buffer.from('facts');
  const sealed = Buffer.concat(sender.seal(aad, Buffer.from('a message')));
  const parts = Buffer.concat([sender.encapsulated, aad, sealed]);
  fc.assert(
    fc.property(fc.nat(parts.length * 8 - 1), (bit) => {
      const flipped = Buffer.from(parts);
      flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const encapsulated = flipped.subarray(0, 32);
      // The highest bit of an X25519 key is no part of it (RFC 7748, section 5); it is hashed all the same.
      const open = () =>
        setupRecipient(encapsulated, pair, INFO).open(
          0,
          flipped.subarray(32, 32 + aad.length),
          flipped.subarray(32 + aad.length),
        );
      expect(open).toThrowError(expect.objectContaining({ code: 'seal_broken' }));
    }),
    { numRuns: 400 },
  );
  const context = setupRecipient(sender.encapsulated, pair, INFO);
  expect(context.open(0, aad, sealed).toString()).toBe('a message');
  expect(() => context.open(1, aad, sealed)).toThrow('does not open');
});

test('a key of another length, and one whose result everybody knows, are refused', () => {
  expect(() => x25519Public(Buffer.alloc(31))).toThrowError(expect.objectContaining({ code: 'key_invalid' }));
  const small = x25519Public(Buffer.alloc(32));
  expect(() => setupSender(small, INFO)).toThrowError(expect.objectContaining({ code: 'seal_broken' }));
});
