import { describe, expect, it } from 'vitest';
import { encodeLeaf, sha256 } from './leaf.ts';

const record = {
  sourceDigest: sha256('/gateways/gw-1/epoch-1'),
  sequence: 7,
  type: 'tollgate.usage.v1',
  eventDigest: sha256('salt and event'),
};

describe('the leaf record', () => {
  it('has exactly the documented bytes', () => {
    expect(encodeLeaf(record).toString('hex')).toBe(
      [
        '01',
        record.sourceDigest.toString('hex'),
        '0000000000000007',
        '0011',
        Buffer.from('tollgate.usage.v1').toString('hex'),
        record.eventDigest.toString('hex'),
      ].join(''),
    );
  });

  it('carries the largest sequence whole', () => {
    const bytes = encodeLeaf({ ...record, sequence: Number.MAX_SAFE_INTEGER });
    expect(bytes.readBigUInt64BE(33)).toBe(BigInt(Number.MAX_SAFE_INTEGER));
  });

  it('differs when any part differs', () => {
    const encoded = [
      record,
      { ...record, sequence: 8 },
      { ...record, type: 'tollgate.usage.v2' },
      { ...record, sourceDigest: sha256('/gateways/gw-2/epoch-1') },
      { ...record, eventDigest: sha256('another') },
    ].map((each) => encodeLeaf(each).toString('hex'));
    expect(new Set(encoded).size).toBe(encoded.length);
  });

  it('refuses what it cannot encode', () => {
    expect(() => encodeLeaf({ ...record, sequence: 0 })).toThrow('sequence');
    expect(() => encodeLeaf({ ...record, type: '' })).toThrow('type');
    expect(() => encodeLeaf({ ...record, type: 'x'.repeat(385) })).toThrow('type');
    expect(() => encodeLeaf({ ...record, eventDigest: Buffer.alloc(31) })).toThrow('digests');
  });
});
