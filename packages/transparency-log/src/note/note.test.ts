import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { golden } from '../testing/golden.ts';
import { formatSignerKey, formatVerifierKey, parseVerifierKey, SIGNATURE_TYPE, verifierKey } from './key.ts';
import { formatNote, MAX_NOTE_BYTES, MAX_SIGNATURES, type Note, parseNote } from './note.ts';
import { openNote } from './open-note.ts';
import { ed25519Signer, readSigner, readVerifier, signNote } from './signer.ts';

/** The example of the specification of signed notes. */
const EXAMPLE_KEY = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
const EXAMPLE_NOTE = `This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`;

interface Notes {
  origin: string;
  text: string;
  oldSigner: string;
  oldVerifier: string;
  newSigner: string;
  newVerifier: string;
  cosigningVerifier: string;
  rotating: string;
}

const notes = golden<Notes>('notes.json');
const seedOf = (fill: number) => new Uint8Array(32).fill(fill);

describe('keys', () => {
  it('have the ids and texts that Go gives them', () => {
    const { key } = ed25519Signer(notes.origin, seedOf(1));
    expect(formatVerifierKey(key)).toBe(notes.oldVerifier);
    expect(formatSignerKey(key, seedOf(1))).toBe(notes.oldSigner);
    expect(readSigner(notes.oldSigner).key).toEqual(key);
    const witness = ed25519Signer('witness.example/w1', seedOf(3)).key;
    expect(
      formatVerifierKey(verifierKey(witness.name, SIGNATURE_TYPE.cosignatureV1, witness.publicKey)),
    ).toBe(notes.cosigningVerifier);
    for (const text of [EXAMPLE_KEY, notes.newVerifier, notes.cosigningVerifier]) {
      expect(formatVerifierKey(parseVerifierKey(text))).toBe(text);
    }
  });

  it.each([
    ['', 'bad-key'],
    ['example.com/foo', 'bad-key'],
    [`${EXAMPLE_KEY}\n`, 'bad-key'],
    [EXAMPLE_KEY.replace('530d903a', '530D903A'), 'bad-key'],
    [EXAMPLE_KEY.replace('530d903a', '30d903a'), 'bad-key'],
    [EXAMPLE_KEY.replace('example.com/foo', ''), 'bad-key'],
    [EXAMPLE_KEY.replace('/foo', ' foo'), 'bad-key'],
    [EXAMPLE_KEY.replace('/foo', '\u0085foo'), 'bad-key'],
    [EXAMPLE_KEY.replace('/foo', '\u0001foo'), 'bad-key'],
    [EXAMPLE_KEY.replace('/foo', '\u3000foo'), 'bad-key'],
    [EXAMPLE_KEY.slice(0, -4), 'bad-key'],
    [`${EXAMPLE_KEY.slice(0, -1)}=`, 'bad-key'],
    [EXAMPLE_KEY.replace('+Aeky', '+Beky'), 'unknown-key-type'],
    [EXAMPLE_KEY.replace('530d903a', '530d903b'), 'key-id-mismatch'],
    [EXAMPLE_KEY.replace('/foo', '/bar'), 'key-id-mismatch'],
    [EXAMPLE_KEY.replace('U2k', 'U2o'), 'key-id-mismatch'],
    [`${'n'.repeat(10_000)}${EXAMPLE_KEY}`, 'bad-key'],
  ])('are refused when they read %j', (text, code) => {
    expect(() => readVerifier(text)).toThrow(expect.objectContaining({ code }));
  });

  it('never show a signing key in what is thrown', () => {
    const secret = notes.oldSigner.slice(notes.oldSigner.lastIndexOf('+') + 1);
    for (const text of [
      notes.oldSigner.replace('PRIVATE', 'PUBLIC'),
      notes.oldSigner.replace('d67c3fea', '00000000'),
      notes.oldSigner.replace('+AQ', '+BA'),
      `${notes.oldSigner}=`,
      secret,
    ]) {
      expect(() => readSigner(text)).toThrow(
        expect.not.objectContaining({ message: expect.stringMatching(/AQEBAQ/) }),
      );
    }
    expect(() => ed25519Signer('a', new Uint8Array(31))).toThrow(
      expect.objectContaining({ code: 'bad-key' }),
    );
  });
});

describe('signed notes', () => {
  it('of the specification are opened by its key', () => {
    const opened = openNote(EXAMPLE_NOTE, [readVerifier(EXAMPLE_KEY)]);
    expect(opened.text).toBe('This is an example message.\n');
    expect(opened.verified.map(({ name }) => name)).toEqual(['example.com/foo']);
    expect(openNote(Buffer.from(EXAMPLE_NOTE), [readVerifier(EXAMPLE_KEY)])).toEqual(
      expect.objectContaining({ text: opened.text }),
    );
  });

  it('are signed byte for byte as Go signs them, by the old and the new key at once', () => {
    const signers = [readSigner(notes.oldSigner), readSigner(notes.newSigner)];
    expect(signNote(notes.text, signers)).toBe(notes.rotating);
    for (const key of [notes.oldVerifier, notes.newVerifier]) {
      expect(openNote(notes.rotating, [readVerifier(key)]).verified).toHaveLength(1);
    }
    const both = [readVerifier(notes.newVerifier), readVerifier(notes.oldVerifier)];
    expect(openNote(notes.rotating, both).verified).toHaveLength(2);
  });

  it('are refused after any one byte is changed', () => {
    const known = [readVerifier(EXAMPLE_KEY)];
    const bytes = Buffer.from(EXAMPLE_NOTE);
    for (let at = 0; at < bytes.length; at += 1) {
      for (const mask of [0x01, 0x20, 0x80, 0xff]) {
        const spoilt = Buffer.from(bytes);
        spoilt[at] = (bytes[at] ?? 0) ^ mask;
        expect(() => openNote(spoilt, known)).toThrow(
          expect.objectContaining({
            code: expect.stringMatching(/^(?:bad-note|bad-signature|no-known-signature)$/),
          }),
        );
      }
    }
  });

  it('are refused after a byte is removed or added anywhere', () => {
    const known = [readVerifier(EXAMPLE_KEY)];
    const bytes = Buffer.from(EXAMPLE_NOTE);
    for (let at = 0; at <= bytes.length; at += 1) {
      const removed = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]);
      if (at < bytes.length) {
        expect(() => openNote(removed, known)).toThrow();
      }
      for (const extra of ['\n', '=', 'A', ' ']) {
        const added = Buffer.concat([bytes.subarray(0, at), Buffer.from(extra), bytes.subarray(at)]);
        expect(() => openNote(added, known)).toThrow();
      }
    }
  });

  it('with signatures of unknown keys are opened by the known one, and without it by none', () => {
    const stranger = ed25519Signer('example.com/stranger', seedOf(9));
    const note = signNote(notes.text, [stranger, readSigner(notes.oldSigner)]);
    expect(openNote(note, [readVerifier(notes.oldVerifier)]).signatures).toHaveLength(2);
    expect(() => openNote(note, [readVerifier(notes.newVerifier)])).toThrow(
      expect.objectContaining({ code: 'no-known-signature' }),
    );
    expect(() => openNote(note, [])).toThrow(expect.objectContaining({ code: 'no-known-signature' }));
  });

  it('are refused where a known signature fails beside one that holds', () => {
    const known = [readVerifier(notes.oldVerifier), readVerifier(notes.newVerifier)];
    const note = parseNote(notes.rotating);
    const [first, second] = note.signatures;
    const forged = { ...second, signature: first?.signature } as Note['signatures'][number];
    const spoilt = formatNote({ text: note.text, signatures: [...note.signatures.slice(0, 1), forged] });
    expect(() => openNote(spoilt, known)).toThrow(expect.objectContaining({ code: 'bad-signature' }));
    expect(openNote(spoilt, known.slice(0, 1)).verified).toHaveLength(1);
  });

  it('count a key once, and two keys of one name and id not at all', () => {
    const key = readVerifier(notes.oldVerifier);
    const { text, signatures } = parseNote(notes.rotating);
    const doubled = formatNote({ text, signatures: [...signatures, ...signatures] });
    expect(openNote(doubled, [key]).verified).toHaveLength(1);
    expect(() => openNote(doubled, [key, readVerifier(notes.oldVerifier)])).toThrow(
      expect.objectContaining({ code: 'ambiguous-key' }),
    );
  });

  it('replace the signature of a key that signs again', () => {
    const { text, signatures } = parseNote(notes.rotating);
    const again = signNote(text, [readSigner(notes.oldSigner)], signatures);
    expect(parseNote(again).signatures.map(({ keyId }) => keyId.toString(16))).toEqual([
      '19db917f',
      'd67c3fea',
    ]);
  });

  it('may hold blank lines and any other text', () => {
    const signer = ed25519Signer('example.com/foo', seedOf(5));
    const verifier = readVerifier(formatVerifierKey(signer.key));
    const line = fc
      .string({ unit: 'grapheme', maxLength: 30 })
      .map((text) => text.replaceAll(/\p{Cc}/gu, ''));
    fc.assert(
      fc.property(fc.array(line, { minLength: 1, maxLength: 6 }), (lines) => {
        const text = `${lines.join('\n')}\n`;
        expect(openNote(Buffer.from(signNote(text, [signer])), [verifier]).text).toBe(text);
      }),
    );
  });

  it.each([
    ['no text', '— a AAAAAAA=\n'],
    ['no signature', 'text\n\n'],
    ['no blank line', 'text\n— a AAAAAAA=\n'],
    ['no newline at the end', 'text\n\n— a AAAAAAA='],
    ['a tab', 'te\txt\n\n— a AAAAAAA=\n'],
    ['a carriage return', 'text\r\n\n— a AAAAAAA=\n'],
    ['a hyphen for a dash', 'text\n\n- a AAAAAAA=\n'],
    ['no name', 'text\n\n—  AAAAAAA=\n'],
    ['a plus in a name', 'text\n\n— a+b AAAAAAA=\n'],
    ['a no-break space in a name', 'text\n\n— a\u00a0b AAAAAAA=\n'],
    ['no base64', 'text\n\n— a\n'],
    ['two spaces', 'text\n\n— a  AAAAAAA=\n'],
    ['a key id alone', 'text\n\n— a AAAAAA==\n'],
    ['spare bits in base64', 'text\n\n— a AAAAAAB=\n'],
    ['no padding', 'text\n\n— a AAAAAAA\n'],
    ['base64 for URLs', 'text\n\n— a AAAAAA-_\n'],
    ['an empty line behind', 'text\n\n— a AAAAAAA=\n\n'],
    ['a lone surrogate', 'te\ud800xt\n\n— a AAAAAAA=\n'],
  ])('are refused with %s', (_, note) => {
    expect(() => parseNote(note)).toThrow(expect.objectContaining({ code: 'bad-note' }));
  });

  it('are refused as bytes that are not UTF-8, and too long or with too many signatures', () => {
    const refusal = expect.objectContaining({ code: 'bad-note' });
    expect(() => parseNote(Buffer.from('text\xff\n\n— a AAAAAAA=\n', 'latin1'))).toThrow(refusal);
    const line = '— a AAAAAAA=\n';
    expect(parseNote(`text\n\n${line.repeat(MAX_SIGNATURES)}`).signatures).toHaveLength(MAX_SIGNATURES);
    expect(() => parseNote(`text\n\n${line.repeat(MAX_SIGNATURES + 1)}`)).toThrow(refusal);
    expect(() => parseNote(`${'x'.repeat(MAX_NOTE_BYTES)}\n\n${line}`)).toThrow(refusal);
    expect(() => parseNote(Buffer.alloc(MAX_NOTE_BYTES + 1, 'x'))).toThrow(refusal);
    expect(() => parseNote('\n'.repeat(MAX_NOTE_BYTES))).toThrow(refusal);
  });

  it('are not made of what would not be read as the same', () => {
    const signatures = [{ name: 'a', keyId: 1, signature: seedOf(1) }];
    for (const note of [
      { text: 'no newline', signatures },
      { text: 'text\n', signatures: [] },
      { text: 'text\n', signatures: [{ name: 'a b', keyId: 1, signature: seedOf(1) }] },
      { text: 'text\n', signatures: [{ name: 'a\n', keyId: 1, signature: seedOf(1) }] },
      { text: 'text\n', signatures: [{ name: 'a', keyId: 1, signature: new Uint8Array(0) }] },
      { text: 'te\txt\n', signatures },
    ]) {
      expect(() => formatNote(note)).toThrow(expect.objectContaining({ code: 'bad-note' }));
    }
  });
});
