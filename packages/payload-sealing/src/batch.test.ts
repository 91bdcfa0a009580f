import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { openBatch, wholeBytes } from './batch-reader.ts';
import { BatchSealer } from './batch-writer.ts';
import type { PayloadFacts } from './facts.ts';
import { decryptPayload, digestOf } from './payload.ts';
import { formatSealingKey, newUnsealingKey, readSealingKey, readUnsealingKey } from './sealing-key.ts';

const line = newUnsealingKey();
const ours = readUnsealingKey(line);
const theirs = readSealingKey(formatSealingKey(ours));
const keyOf = (id: string) => (id === ours.id ? ours : undefined);

function facts(nth: number): Omit<PayloadFacts, 'kept_bytes' | 'digest'> {
  return {
    request_id: `0190a000-0000-7000-8000-${String(nth).padStart(12, '0')}`,
    direction: nth % 2 === 0 ? 'request' : 'response',
    organisation_id: 'org_1',
    team_id: 'team_1',
    principal_type: 'user',
    principal_id: 'user_1',
    end_user: null,
    requested_at: '2026-11-21T12:00:00.000Z',
    retain_until: null,
    content_type: 'application/json',
    body_bytes: 10,
    truncated: false,
  };
}

/** Each list of bodies is sealed as one group. */
function batchOfGroups(groups: readonly (readonly Uint8Array[])[]): Buffer {
  const sealer = new BatchSealer(theirs);
  let nth = 0;
  const parts = groups.flatMap((group) => {
    for (const body of group) {
      sealer.add(facts(nth), body);
      nth += 1;
    }
    return sealer.seal()?.parts ?? [];
  });
  return Buffer.concat([sealer.header, ...parts]);
}

const batchOf = (bodies: readonly Uint8Array[]) => batchOfGroups(bodies.map((body) => [body]));

const bodies = fc.array(fc.uint8Array({ maxLength: 300 }), { maxLength: 5 });
const groups = fc.array(bodies, { minLength: 1, maxLength: 4 });

function decrypted(batch: Buffer): Buffer[] {
  return openBatch(batch, keyOf).map((record) =>
    decryptPayload(
      { requestId: record.facts.request_id, direction: record.facts.direction, digest: record.facts.digest },
      record.key,
      record.ciphertext,
    ),
  );
}

describe('a batch', () => {
  test('gives every body back, whatever the bodies and however they are grouped', () => {
    fc.assert(
      fc.property(groups, (given) => {
        expect(decrypted(batchOfGroups(given))).toEqual(given.flat().map((body) => Buffer.from(body)));
      }),
      { numRuns: 50 },
    );
  });

  test('takes bodies larger than the buffers that are kept, and goes on behind them', () => {
    const given = [Buffer.alloc(3 << 20, 1), Buffer.from('small'), Buffer.alloc(70_000, 2)];
    expect(decrypted(batchOfGroups([given, given]))).toEqual([...given, ...given]);
  });

  test('gives the same keys and bytes each time it is opened, and another key for each payload', () => {
    const batch = batchOfGroups([[Buffer.from('same'), Buffer.from('same')], [Buffer.from('same')]]);
    const [first, again] = [openBatch(batch, keyOf), openBatch(batch, keyOf)];
    expect(again).toEqual(first);
    expect(new Set(first.map(({ key }) => key.toString('hex'))).size).toBe(3);
  });

  test('whose groups change places is refused', () => {
    const sealer = new BatchSealer(theirs);
    sealer.add(facts(0), Buffer.from('one'));
    const one = sealer.seal()?.parts ?? [];
    sealer.add(facts(1), Buffer.from('two'));
    const two = sealer.seal()?.parts ?? [];
    expect(openBatch(Buffer.concat([sealer.header, ...one, ...two]), keyOf)).toHaveLength(2);
    expect(() => openBatch(Buffer.concat([sealer.header, ...two, ...one]), keyOf)).toThrowError(
      expect.objectContaining({ code: 'seal_broken' }),
    );
  });

  test('is refused, whichever of its bits is flipped', () => {
    const batch = batchOf([Buffer.from('a prompt'), Buffer.from('an answer')]);
    fc.assert(
      fc.property(fc.nat(batch.length * 8 - 1), (bit) => {
        const flipped = Buffer.from(batch);
        flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
        // The three spare bytes of the header mean nothing.
        if (bit >> 3 >= 5 && bit >> 3 < 8) return;
        expect(() => decrypted(flipped)).toThrowError(
          expect.objectContaining({ name: 'PayloadSealingError' }),
        );
      }),
      { numRuns: 500 },
    );
  });

  test('cut off anywhere is whole up to its last whole group', () => {
    const given = [Buffer.from('one'), Buffer.from('two'), Buffer.from('three')];
    const batch = batchOf(given);
    for (let length = 0; length <= batch.length; length += 1) {
      const whole = wholeBytes(batch.subarray(0, length));
      expect(whole).toBeLessThanOrEqual(length);
      if (whole === 0) continue;
      const found = decrypted(batch.subarray(0, whole));
      expect(found).toEqual(given.slice(0, found.length));
      if (length === batch.length) expect(found).toHaveLength(given.length);
    }
    expect(() => openBatch(batch.subarray(0, batch.length - 1), keyOf)).toThrow('is not whole');
  });

  test('sealed to another key says so', () => {
    expect(() => openBatch(batchOf([Buffer.from('x')]), () => undefined)).toThrowError(
      expect.objectContaining({ code: 'key_unknown' }),
    );
  });

  test('holds no byte of a body, of its facts or of its key in the clear', () => {
    const body = Buffer.from('the quick brown fox jumps over the lazy dog');
    const batch = batchOf([body]);
    const [record] = openBatch(batch, keyOf);
    expect(batch.includes(body.subarray(0, 8))).toBe(false);
    expect(batch.includes('team_1')).toBe(false);
    expect(record && batch.includes(record.key.subarray(0, 8))).toBe(false);
  });
});

test('a payload opens under its own name, direction, key and digest only', () => {
  const [one, two] = openBatch(batchOf([Buffer.from('one'), Buffer.from('two')]), keyOf);
  if (one === undefined || two === undefined) throw new Error('two were sealed');
  const name = { requestId: one.facts.request_id, direction: one.facts.direction, digest: one.facts.digest };
  const broken = expect.objectContaining({ code: 'seal_broken' });
  expect(decryptPayload(name, one.key, one.ciphertext).toString()).toBe('one');
  expect(() => decryptPayload({ ...name, direction: 'response' }, one.key, one.ciphertext)).toThrow(broken);
  expect(() => decryptPayload({ ...name, requestId: two.facts.request_id }, one.key, one.ciphertext)).toThrow(
    broken,
  );
  expect(() => decryptPayload({ ...name, digest: two.facts.digest }, one.key, one.ciphertext)).toThrow(
    broken,
  );
  expect(() => decryptPayload(name, two.key, one.ciphertext)).toThrow(broken);
});

test('a digest is the HMAC-SHA-256 of the body', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
      fc.uint8Array({ maxLength: 300 }),
      (salt, body) => {
        expect(digestOf(salt, body)).toBe(createHmac('sha256', salt).update(body).digest('hex'));
      },
    ),
  );
});

test('equal bodies have different digests, so that a digest tests no guess', () => {
  const [one, two] = openBatch(batchOf([Buffer.from('same'), Buffer.from('same')]), keyOf);
  expect(one?.facts.digest).not.toBe(two?.facts.digest);
});

test('what is no key is refused without being repeated', () => {
  expect(() => readUnsealingKey('tgv-seal-short')).toThrowError(expect.not.stringContaining('short'));
  expect(() => readUnsealingKey('something')).toThrowError(expect.objectContaining({ code: 'key_invalid' }));
});
