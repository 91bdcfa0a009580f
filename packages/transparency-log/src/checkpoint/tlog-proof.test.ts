import { describe, expect, it } from 'vitest';
import { leafHash } from '../merkle/hash.ts';
import { readSigner, readVerifier } from '../note/signer.ts';
import { golden } from '../testing/golden.ts';
import { goldenEntries, goldenEntry, MemoryLog } from '../testing/memory-log.ts';
import { rootOf } from '../tiles/grow-tree.ts';
import { proveInclusion } from '../tiles/prove.ts';
import { signCheckpoint } from './checkpoint.ts';
import { readWitness } from './cosignature.ts';
import { formatTlogProof, MAX_EXTRA_BYTES, parseTlogProof, verifyTlogProof } from './tlog-proof.ts';

interface Notes {
  origin: string;
  oldSigner: string;
  oldVerifier: string;
  witnessVerifier: string;
  cosigned: string;
  proof: string;
  proofWithoutExtra: string;
}

const notes = golden<Notes>('notes.json');
const policy = {
  origin: notes.origin,
  logKeys: [readVerifier(notes.oldVerifier)],
  witnesses: [readWitness(notes.witnessVerifier)],
  quorum: 1,
};
const leaf = leafHash(goldenEntry(321));

describe('offline proofs', () => {
  it('are written and read byte for byte as another implementation does, with and without extra data', () => {
    for (const text of [notes.proof, notes.proofWithoutExtra]) {
      const proof = parseTlogProof(Buffer.from(text));
      expect(proof.index).toBe(321n);
      expect(proof.checkpoint).toBe(notes.cosigned);
      expect(formatTlogProof(proof)).toBe(text);
      expect(verifyTlogProof(text, leaf, policy)).toMatchObject({
        index: 321n,
        checkpoint: { size: 1_000n },
      });
    }
    expect(parseTlogProof(notes.proof).extra).toEqual(Buffer.from('a salt'));
    expect(parseTlogProof(notes.proofWithoutExtra)).not.toHaveProperty('extra');
  });

  it('made here hold for their entry and for no other', async () => {
    const log = new MemoryLog();
    log.append(goldenEntries(0, 1_000));
    const root = rootOf(log.edge.tree);
    const checkpoint = signCheckpoint({ origin: notes.origin, size: 1_000n, root, extensions: [] }, [
      readSigner(notes.oldSigner),
    ]);
    const own = { origin: policy.origin, logKeys: policy.logKeys };
    for (const index of [0n, 1n, 511n, 512n, 999n]) {
      const hashes = await proveInclusion(log, index, 1_000n);
      const text = formatTlogProof({ index, hashes, checkpoint, extra: Buffer.from('salt') });
      expect(verifyTlogProof(text, leafHash(goldenEntry(Number(index))), own).index).toBe(index);
      expect(() => verifyTlogProof(text, leafHash(goldenEntry(7)), own)).toThrow(
        expect.objectContaining({ code: 'not-included' }),
      );
    }
  });

  it('of a log of one entry have no hashes', () => {
    const log = new MemoryLog();
    log.append(goldenEntries(0, 1));
    const checkpoint = signCheckpoint(
      { origin: notes.origin, size: 1n, root: rootOf(log.edge.tree), extensions: [] },
      [readSigner(notes.oldSigner)],
    );
    const text = formatTlogProof({ index: 0n, hashes: [], checkpoint });
    expect(text).toBe(`c2sp.org/tlog-proof@v1\nindex 0\n\n${checkpoint}`);
    expect(verifyTlogProof(text, leafHash(goldenEntry(0)), { ...policy, quorum: 0 }).index).toBe(0n);
  });

  it('fail after any one byte outside their extra data is changed', () => {
    const bytes = Buffer.from(notes.proof);
    const extra = { from: notes.proof.indexOf('YSBz'), to: notes.proof.indexOf('\nindex') };
    for (let at = 0; at < bytes.length; at += 1) {
      if (at >= extra.from && at < extra.to) {
        continue;
      }
      for (const mask of [0x01, 0x20]) {
        const spoilt = Buffer.from(bytes);
        spoilt[at] = (bytes[at] ?? 0) ^ mask;
        expect(() => verifyTlogProof(spoilt, leaf, policy), `byte ${at} ^ ${mask}`).toThrow(
          expect.objectContaining({ name: 'TransparencyLogError' }),
        );
      }
    }
  });

  it('fail cut short anywhere', () => {
    for (let length = 0; length < notes.proof.length; length += 1) {
      expect(() => verifyTlogProof(notes.proof.slice(0, length), leaf, policy)).toThrow(
        expect.objectContaining({ name: 'TransparencyLogError' }),
      );
    }
  });

  it.each([
    ['nothing', ''],
    ['another header', notes.proof.replace('@v1', '@v2')],
    ['an empty extra line', notes.proof.replace('extra YSBzYWx0', 'extra ')],
    ['two extra lines', notes.proof.replace('extra YSBzYWx0', 'extra YSBzYWx0\nextra YSBzYWx0')],
    ['spare bits in extra', notes.proofWithoutExtra.replace('index', 'extra YR==\nindex')],
    ['too much extra', notes.proof.replace('YSBzYWx0', 'YSBz'.repeat(MAX_EXTRA_BYTES / 3 + 1))],
    ['no index', notes.proof.replace('index 321\n', '')],
    ['a leading zero', notes.proof.replace('index 321', 'index 0321')],
    ['a negative index', notes.proof.replace('index 321', 'index -1')],
    ['2^64 for an index', notes.proof.replace('index 321', 'index 18446744073709551616')],
    ['an empty line too many', notes.proof.replace('index 321\n', 'index 321\n\n')],
    ['a hash of 31 bytes', notes.proof.replace(/index 321\n[^\n]+/, `index 321\n${'A'.repeat(42)}==`)],
    ['65 hashes', notes.proof.replace('index 321\n', `index 321\n${`${'A'.repeat(43)}=\n`.repeat(65)}`)],
    ['a million hashes', notes.proof.replace('index 321\n', `index 321\n${'A\n'.repeat(1_000_000)}`)],
    ['carriage returns', notes.proof.replaceAll('\n', '\r\n')],
  ])('are refused with %s', (_, text) => {
    expect(() => parseTlogProof(text)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^bad-(?:proof|note|checkpoint)$/) }),
    );
  });

  it('are not made of what would be refused', () => {
    const sound = { index: 0n, hashes: [], checkpoint: notes.cosigned };
    const hash = new Uint8Array(32);
    for (const spoilt of [
      { ...sound, index: -1n },
      { ...sound, index: 2n ** 64n },
      { ...sound, hashes: [hash.subarray(1)] },
      { ...sound, hashes: Array.from({ length: 65 }, () => hash) },
      { ...sound, extra: new Uint8Array(0) },
      { ...sound, extra: new Uint8Array(MAX_EXTRA_BYTES + 1) },
    ]) {
      expect(() => formatTlogProof(spoilt)).toThrow(expect.objectContaining({ code: 'bad-proof' }));
    }
    expect(() => formatTlogProof({ ...sound, checkpoint: 'text\n' })).toThrow(
      expect.objectContaining({ code: 'bad-note' }),
    );
    const other = notes.cosigned.replace('\n1000', '\none thousand');
    expect(() => formatTlogProof({ ...sound, checkpoint: other })).toThrow(
      expect.objectContaining({ code: 'bad-checkpoint' }),
    );
    const largest = { ...sound, extra: new Uint8Array(MAX_EXTRA_BYTES) };
    expect(parseTlogProof(formatTlogProof(largest)).extra).toHaveLength(MAX_EXTRA_BYTES);
  });
});
