import { describe, expect, it } from 'vitest';
import { emptyRoot } from '../merkle/hash.ts';
import { formatVerifierKey } from '../note/key.ts';
import { parseNote } from '../note/note.ts';
import { ed25519Signer, readSigner, readVerifier, signNote } from '../note/signer.ts';
import { base64, golden } from '../testing/golden.ts';
import { formatCheckpoint, parseCheckpoint, signCheckpoint } from './checkpoint.ts';
import { cosigner, readWitness } from './cosignature.ts';
import { openCheckpoint } from './open-checkpoint.ts';

interface Notes {
  origin: string;
  text: string;
  size: number;
  oldSigner: string;
  oldVerifier: string;
  newSigner: string;
  newVerifier: string;
  witnessVerifier: string;
  cosigningVerifier: string;
  rotating: string;
  cosigned: string;
}

const notes = golden<Notes>('notes.json');
const root = base64(notes.text.split('\n')[2] ?? '');
const seedOf = (fill: number) => new Uint8Array(32).fill(fill);
const log = { origin: notes.origin, logKeys: [readVerifier(notes.oldVerifier)] };

describe('checkpoints', () => {
  it('read as the specification has them', () => {
    const checkpoint = { origin: notes.origin, size: 1_000n, root, extensions: [] };
    expect(formatCheckpoint(checkpoint)).toBe(notes.text);
    expect(parseCheckpoint(notes.text)).toEqual(checkpoint);
    expect(parseCheckpoint(`${notes.text}more\nlines\n`).extensions).toEqual(['more', 'lines']);
  });

  it('are signed and opened as Go does it, while keys rotate too', () => {
    const checkpoint = { origin: notes.origin, size: 1_000n, root, extensions: [] };
    const signers = [readSigner(notes.oldSigner), readSigner(notes.newSigner)];
    expect(signCheckpoint(checkpoint, signers)).toBe(notes.rotating);
    const opened = openCheckpoint(notes.rotating, { ...log, logKeys: [readVerifier(notes.newVerifier)] });
    expect(opened.checkpoint).toEqual(checkpoint);
    expect(opened.signedBy).toEqual([{ name: notes.origin, keyId: 0x19db917f }]);
  });

  it.each([
    ['two lines', 'example.com/audit\n0\n'],
    ['no newline at the end', notes.text.slice(0, -1)],
    ['an empty origin', notes.text.replace(notes.origin, '')],
    ['an empty line at the end', `${notes.text}\n`],
    ['an empty extension line', `${notes.text}\nmore\n`],
    ['a leading zero', notes.text.replace('\n1000', '\n01000')],
    ['a sign', notes.text.replace('\n1000', '\n+1000')],
    ['a negative size', notes.text.replace('\n1000', '\n-1000')],
    ['a hexadecimal size', notes.text.replace('\n1000', '\n0x3e8')],
    ['a space behind the size', notes.text.replace('\n1000', '\n1000 ')],
    ['other digits', notes.text.replace('\n1000', '\n١٠٠٠')],
    ['2^64', notes.text.replace('\n1000', '\n18446744073709551616')],
    ['a hundred thousand digits', notes.text.replace('\n1000', `\n${'9'.repeat(100_000)}`)],
    ['a root of 31 bytes', notes.text.replace(/\n[^\n]+\n$/, `\n${Buffer.alloc(31).toString('base64')}\n`)],
    ['spare bits in the root', notes.text.replace('6Vs=\n', '6Vt=\n')],
    ['a root of an empty tree that is none', notes.text.replace('\n1000', '\n0')],
  ])('are refused with %s', (_, text) => {
    expect(() => parseCheckpoint(text)).toThrow(expect.objectContaining({ code: 'bad-checkpoint' }));
  });

  it('are written for the empty and the largest tree', () => {
    for (const checkpoint of [
      { origin: 'a', size: 0n, root: emptyRoot(), extensions: [] },
      { origin: 'a b+c', size: 2n ** 64n - 1n, root, extensions: ['x'] },
    ]) {
      expect(parseCheckpoint(formatCheckpoint(checkpoint))).toEqual(checkpoint);
    }
  });

  it('are not made of what would be read otherwise', () => {
    const sound = { origin: 'a', size: 1n, root, extensions: [] };
    for (const spoilt of [
      { ...sound, origin: '' },
      { ...sound, origin: 'a\n2' },
      { ...sound, root: root.subarray(1) },
      { ...sound, extensions: [''] },
      { ...sound, extensions: ['x\ny'] },
      { ...sound, size: 0n },
    ]) {
      expect(() => formatCheckpoint(spoilt)).toThrow(expect.objectContaining({ code: 'bad-checkpoint' }));
    }
    expect(() => formatCheckpoint({ ...sound, size: -1n })).toThrow(
      expect.objectContaining({ code: 'bad-size' }),
    );
    expect(() => signCheckpoint(sound, [ed25519Signer('b', seedOf(1))])).toThrow(
      expect.objectContaining({ code: 'origin-mismatch' }),
    );
  });

  it('of another log, or signed by no key of this one, are refused', () => {
    const signer = readSigner(notes.oldSigner);
    const foreign = signNote(
      formatCheckpoint({ origin: 'example.com/other', size: 1n, root, extensions: [] }),
      [signer],
    );
    expect(() => openCheckpoint(foreign, log)).toThrow(expect.objectContaining({ code: 'origin-mismatch' }));
    const stranger = ed25519Signer(notes.origin, seedOf(9));
    const forged = signCheckpoint({ origin: notes.origin, size: 1n, root, extensions: [] }, [stranger]);
    expect(() => openCheckpoint(forged, log)).toThrow(
      expect.objectContaining({ code: 'no-known-signature' }),
    );
    const noCheckpoint = signNote('text\n', [signer]);
    expect(() => openCheckpoint(noCheckpoint, log)).toThrow(
      expect.objectContaining({ code: 'bad-checkpoint' }),
    );
  });
});

describe('cosignatures', () => {
  const now = 1_679_315_147n;
  const witnesses = [1, 2, 3].map((fill) => cosigner(`witness.example/w${fill}`, seedOf(fill), () => now));
  const known = witnesses.map(({ key }) => readWitness(formatVerifierKey(key)));
  const cosigned = (count: number) =>
    signNote(notes.text, [readSigner(notes.oldSigner), ...witnesses.slice(0, count)]);

  it('made by Go are verified, from either form of the key of the witness', () => {
    for (const key of [notes.witnessVerifier, notes.cosigningVerifier]) {
      const opened = openCheckpoint(notes.cosigned, { ...log, witnesses: [readWitness(key)], quorum: 1 });
      expect(opened.cosignatures).toEqual([
        { name: 'witness.example/w1', keyId: 0xd9ed62c5, timestamp: expect.any(BigInt) },
      ]);
      expect(opened.cosignatures[0]?.timestamp).toBeGreaterThan(1_700_000_000n);
    }
  });

  it('count up to a quorum, each witness once', () => {
    const policy = { ...log, witnesses: known, quorum: 2 };
    expect(openCheckpoint(cosigned(3), policy).cosignatures).toHaveLength(3);
    expect(openCheckpoint(cosigned(2), policy).cosignatures.map(({ timestamp }) => timestamp)).toEqual([
      now,
      now,
    ]);
    expect(() => openCheckpoint(cosigned(1), policy)).toThrow(
      expect.objectContaining({ code: 'too-few-cosignatures' }),
    );
    // Two keys of one witness are one witness.
    const rotated = cosigner('witness.example/w1', seedOf(7), () => now);
    const twice = signNote(notes.text, [rotated], parseNote(cosigned(1)).signatures);
    const both = [...known, readWitness(formatVerifierKey(rotated.key))];
    expect(() => openCheckpoint(twice, { ...policy, witnesses: both })).toThrow(
      expect.objectContaining({ code: 'too-few-cosignatures' }),
    );
  });

  it('never stand in for the signature of the log', () => {
    const alone = signNote(notes.text, witnesses);
    expect(() => openCheckpoint(alone, { ...log, witnesses: known })).toThrow(
      expect.objectContaining({ code: 'no-known-signature' }),
    );
    for (const policy of [
      { origin: notes.origin, logKeys: known },
      { ...log, witnesses: log.logKeys },
    ]) {
      expect(() => openCheckpoint(alone, policy)).toThrow(
        expect.objectContaining({ code: 'unknown-key-type' }),
      );
    }
  });

  it('cover their time and every byte of the checkpoint', () => {
    const note = parseNote(cosigned(1));
    const [own, cosignature] = note.signatures;
    const policy = { ...log, witnesses: known };
    for (const at of [0, 7, 8, 71]) {
      const signature = Uint8Array.from(cosignature?.signature ?? []);
      signature[at] = (signature[at] ?? 0) ^ 1;
      const spoilt = signNote(note.text, [], [own, { ...cosignature, signature }] as typeof note.signatures);
      expect(() => openCheckpoint(spoilt, policy)).toThrow(
        expect.objectContaining({ code: 'bad-signature' }),
      );
    }
    const moved = signNote(`${note.text}more\n`, [readSigner(notes.oldSigner)], note.signatures.slice(1));
    expect(() => openCheckpoint(moved, policy)).toThrow(expect.objectContaining({ code: 'bad-signature' }));
    const short = [{ name: 'witness.example/w1', keyId: known[0]?.keyId ?? 0, signature: new Uint8Array(7) }];
    const cut = signNote(note.text, [readSigner(notes.oldSigner)], short);
    expect(() => openCheckpoint(cut, policy)).toThrow(expect.objectContaining({ code: 'bad-signature' }));
  });

  it('with a time of 2^63 or later are refused', () => {
    const late = cosigner('witness.example/w1', seedOf(1), () => 2n ** 63n);
    const note = signNote(notes.text, [readSigner(notes.oldSigner), late]);
    expect(() => openCheckpoint(note, { ...log, witnesses: known })).toThrow(
      expect.objectContaining({ code: 'bad-signature' }),
    );
  });
});
