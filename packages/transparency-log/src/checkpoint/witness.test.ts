import { describe, expect, it } from 'vitest';
import { verifyConsistency } from '../merkle/verify.ts';
import { formatVerifierKey } from '../note/key.ts';
import { formatSignatureLine, parseNote } from '../note/note.ts';
import { readSigner, readVerifier } from '../note/signer.ts';
import { golden } from '../testing/golden.ts';
import { goldenEntries, MemoryLog } from '../testing/memory-log.ts';
import { proveConsistency, rootAt } from '../tiles/prove.ts';
import { signCheckpoint } from './checkpoint.ts';
import { cosigner, readWitness } from './cosignature.ts';
import { openCheckpoint } from './open-checkpoint.ts';
import { addCosignatures, formatAddCheckpoint, parseAddCheckpoint, parseConflictSize } from './witness.ts';

const notes = golden<{
  origin: string;
  oldSigner: string;
  oldVerifier: string;
  cosigned: string;
  rotating: string;
}>('notes.json');
const signer = readSigner(notes.oldSigner);
const log = { origin: notes.origin, logKeys: [readVerifier(notes.oldVerifier)] };
const HASH = `${'A'.repeat(43)}=`;

describe('the witness protocol', () => {
  let time = 1_000n;
  const witness = cosigner('witness.example/w1', new Uint8Array(32).fill(3), () => time);
  const known = [readWitness(formatVerifierKey(witness.key))];
  const cosign = (checkpoint: string) => {
    const signature = witness.sign(Buffer.from(parseNote(checkpoint).text));
    return formatSignatureLine({ ...witness.key, signature });
  };

  it('carries a checkpoint with its proof to a witness, and its cosignature back', async () => {
    const files = new MemoryLog();
    files.append(goldenEntries(0, 300));
    files.append(goldenEntries(300, 1_000));
    const checkpoint = signCheckpoint(
      { origin: notes.origin, size: 1_000n, root: await rootAt(files, 1_000n), extensions: [] },
      [signer],
    );
    const proof = await proveConsistency(files, 300n, 1_000n);
    const body = formatAddCheckpoint({ oldSize: 300n, proof, checkpoint });
    expect(body.startsWith('old 300\n')).toBe(true);

    const request = parseAddCheckpoint(Buffer.from(body));
    expect(request).toEqual({ oldSize: 300n, proof: proof.map((hash) => Buffer.from(hash)), checkpoint });
    const { size, root } = openCheckpoint(request.checkpoint, log).checkpoint;
    expect(verifyConsistency(300n, size, request.proof, await rootAt(files, 300n), root)).toBe(true);

    const cosigned = addCosignatures(checkpoint, cosign(checkpoint), known);
    const opened = openCheckpoint(cosigned, { ...log, witnesses: known, quorum: 1 });
    expect(opened.cosignatures).toEqual([
      { name: witness.key.name, keyId: witness.key.keyId, timestamp: 1_000n },
    ]);
    time = 2_000n;
    const renewed = addCosignatures(cosigned, cosign(checkpoint), known);
    expect(parseNote(renewed).signatures).toHaveLength(2);
    const { cosignatures } = openCheckpoint(renewed, { ...log, witnesses: known, quorum: 1 });
    expect(cosignatures.map(({ timestamp }) => timestamp)).toEqual([2_000n]);
  });

  it('takes no cosignature of a stranger, of another checkpoint, or without a time', () => {
    const stranger = cosigner('witness.example/w9', new Uint8Array(32).fill(9), () => 1n);
    const text = Buffer.from(parseNote(notes.rotating).text);
    const foreign = formatSignatureLine({ ...stranger.key, signature: stranger.sign(text) });
    const refusals = [
      [foreign, 'no-known-signature'],
      [
        formatSignatureLine({ ...witness.key, signature: witness.sign(Buffer.from('other\n')) }),
        'bad-signature',
      ],
      ['', 'bad-note'],
      ['not a signature\n', 'bad-note'],
      [`${foreign}\n`, 'bad-note'],
      ['x'.repeat(2_000_000), 'bad-witness-message'],
    ] as const;
    for (const [response, code] of refusals) {
      expect(() => addCosignatures(notes.rotating, response, known)).toThrow(
        expect.objectContaining({ code }),
      );
    }
    time = 0n;
    expect(() => addCosignatures(notes.rotating, cosign(notes.rotating), known)).toThrow(
      expect.objectContaining({ code: 'bad-witness-message' }),
    );
    time = 1_000n;
    expect(
      parseNote(addCosignatures(notes.rotating, foreign + cosign(notes.rotating), known)).signatures,
    ).toHaveLength(3);
  });

  it.each([
    ['nothing', ''],
    ['no old size', `${HASH}\n\n${notes.cosigned}`],
    ['a leading zero', `old 01\n\n${notes.cosigned}`],
    ['a hash of another length', `old 1\nAAAA\n\n${notes.cosigned}`],
    ['64 hashes', `old 1\n${`${HASH}\n`.repeat(64)}\n${notes.cosigned}`],
    ['an empty line too many', `old 1\n\n${HASH}\n\n${notes.cosigned}`],
    ['no empty line', `old 1\n${HASH}\nrest\n`],
  ])('refuses a request with %s', (_, body) => {
    expect(() => parseAddCheckpoint(body)).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^bad-(?:witness-message|note|checkpoint)$/) }),
    );
  });

  it('sends no proof from size 0, nor one longer than a witness takes', () => {
    const hash = new Uint8Array(32);
    for (const request of [
      { oldSize: 0n, proof: [hash] },
      { oldSize: 1n, proof: Array.from({ length: 64 }, () => hash) },
    ]) {
      expect(() => formatAddCheckpoint({ ...request, checkpoint: notes.cosigned })).toThrow(
        expect.objectContaining({ code: 'bad-witness-message' }),
      );
    }
    expect(formatAddCheckpoint({ oldSize: 0n, proof: [], checkpoint: notes.cosigned })).toBe(
      `old 0\n\n${notes.cosigned}`,
    );
  });

  it('reads the size that a witness has where it answers 409', () => {
    expect(parseConflictSize('20852014\n')).toBe(20_852_014n);
    expect(parseConflictSize(Buffer.from('0\n'))).toBe(0n);
    for (const body of [
      '',
      '\n',
      '12',
      '012\n',
      '-1\n',
      '1\n\n',
      '18446744073709551616\n',
      '9'.repeat(100),
    ]) {
      expect(() => parseConflictSize(body)).toThrow(expect.objectContaining({ code: 'bad-witness-message' }));
    }
  });
});
