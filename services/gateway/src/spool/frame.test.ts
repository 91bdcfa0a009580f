import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EVENT_KINDS, FRAME_HEADER_BYTES, FrameReader, sealFrame } from './frame.ts';
import { decodeSegmentHeader, encodeSegmentHeader, SEGMENT_HEADER_BYTES } from './segment-header.ts';

interface Written {
  readonly kind: number;
  readonly payload: Buffer;
}

const frames = fc.array(
  fc.record({
    kind: fc.integer({ min: 1, max: 16 }),
    payload: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
  }),
  { maxLength: 12 },
);
const salt = fc.integer({ min: 0, max: 2 ** 32 - 1 });

/** The frames, then zeros as in a prepared segment. */
function write(
  written: readonly Written[],
  saltOf: number,
  spareBytes = 64,
): { file: Buffer; ends: number[] } {
  const bytes = written.reduce((sum, { payload }) => sum + FRAME_HEADER_BYTES + payload.length, 0);
  const file = Buffer.alloc(bytes + spareBytes);
  const ends: number[] = [];
  let at = 0;
  for (const [i, { kind, payload }] of written.entries()) {
    payload.copy(file, at + FRAME_HEADER_BYTES);
    sealFrame(file, at, payload.length, kind, i + 1, saltOf);
    at += FRAME_HEADER_BYTES + payload.length;
    ends.push(at);
  }
  return { file, ends };
}

function read(
  file: Buffer,
  saltOf: number,
): { read: Written[]; sequences: number[]; end: string; offset: number } {
  const reader = new FrameReader(file, saltOf);
  const found: Written[] = [];
  const sequences: number[] = [];
  let step = reader.next();
  while (step === 'more') {
    found.push({ kind: reader.kind, payload: Buffer.from(reader.payload()) });
    sequences.push(reader.sequence);
    step = reader.next();
  }
  return { read: found, sequences, end: step, offset: reader.offset };
}

describe('frames', () => {
  test('give back what was written, and end at the zeros behind', () => {
    fc.assert(
      fc.property(frames, salt, (written, saltOf) => {
        const { file, ends } = write(written, saltOf);
        const result = read(file, saltOf);
        expect(result.read).toEqual(written);
        expect(result.sequences).toEqual(written.map((_, i) => i + 1));
        expect(result.end).toBe('end');
        expect(result.offset).toBe(ends.at(-1) ?? 0);
      }),
    );
  });

  test('of a file cut anywhere are a clean prefix of those written', () => {
    fc.assert(
      fc.property(frames, salt, fc.nat(), fc.boolean(), (written, saltOf, cutAt, zeroed) => {
        const { file, ends } = write(written, saltOf, 0);
        const cut = cutAt % (file.length + 1);
        const torn = zeroed
          ? Buffer.concat([file.subarray(0, cut), Buffer.alloc(file.length - cut)])
          : file.subarray(0, cut);
        const result = read(torn, saltOf);
        const whole = ends.filter((end) => end <= cut).length;
        // Zeros in place of zeros are no tear: a frame may still be whole behind the cut.
        expect(result.read.length).toBeGreaterThanOrEqual(whole);
        expect(result.read).toEqual(written.slice(0, result.read.length));
        if (!zeroed) expect(result.read.length).toBe(whole);
      }),
    );
  });

  test('with any single byte changed end before the changed frame', () => {
    fc.assert(
      fc.property(frames, salt, fc.nat(), fc.integer({ min: 1, max: 255 }), (written, saltOf, at, flip) => {
        const { file, ends } = write(written, saltOf, 0);
        if (file.length === 0) return;
        const where = at % file.length;
        file.writeUInt8(file.readUInt8(where) ^ flip, where);
        const untouched = ends.filter((end) => end <= where).length;
        const result = read(file, saltOf);
        expect(result.read).toEqual(written.slice(0, untouched));
        expect(['bad', 'cut']).toContain(result.end);
      }),
    );
  });

  test('of another segment are never taken for this segment’s own', () => {
    fc.assert(
      fc.property(frames, salt, salt, (written, ours, theirs) => {
        if (written.length === 0 || ours === theirs) return;
        const { file } = write(written, theirs, 0);
        expect(read(file, ours).read).toEqual([]);
      }),
    );
  });

  test('are not found in random bytes, which are never an exception either', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2000 }), salt, (bytes, saltOf) => {
        expect(read(Buffer.from(bytes), saltOf).read).toEqual([]);
      }),
    );
  });

  test('within a payload are never taken for frames', () => {
    const inner = write([{ kind: 4, payload: Buffer.from('inner') }], 7, 0).file;
    const { file } = write([{ kind: 1, payload: inner }], 7);
    expect(read(file, 7).read).toEqual([{ kind: 1, payload: inner }]);
  });
});

describe('the header of a segment', () => {
  const header = fc.record({
    source: fc.constantFrom('/gateways/gw/1', `/gateways/${'g'.repeat(64)}/${'e'.repeat(64)}`),
    salt,
    before: fc.record({
      sequence: fc.integer({ min: 0, max: 2 ** 48 - 1 }),
      chain: fc
        .uint8Array({ minLength: 32, maxLength: 32 })
        .map((bytes) => Buffer.from(bytes).toString('latin1')),
      counts: fc.array(fc.integer({ min: 0, max: 2 ** 48 - 1 }), {
        minLength: EVENT_KINDS,
        maxLength: EVENT_KINDS,
      }),
    }),
  });

  test('is read back as it was written', () => {
    fc.assert(
      fc.property(header, (written) => {
        expect(decodeSegmentHeader(encodeSegmentHeader(written))).toEqual({
          kind: 'header',
          header: written,
        });
      }),
    );
  });

  test('is not believed with any byte changed, and a page of zeros is an unused file', () => {
    fc.assert(
      fc.property(
        header,
        fc.nat(SEGMENT_HEADER_BYTES - 1),
        fc.integer({ min: 1, max: 255 }),
        (written, at, flip) => {
          const page = encodeSegmentHeader(written);
          page.writeUInt8(page.readUInt8(at) ^ flip, at);
          expect(decodeSegmentHeader(page).kind).toBe('bad');
        },
      ),
    );
    expect(decodeSegmentHeader(Buffer.alloc(SEGMENT_HEADER_BYTES)).kind).toBe('unused');
    expect(decodeSegmentHeader(Buffer.alloc(10)).kind).toBe('bad');
  });
});
