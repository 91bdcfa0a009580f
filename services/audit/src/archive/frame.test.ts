import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ArchivedEvent,
  decodeFrame,
  decodeSegmentHeader,
  encodeFrame,
  encodeSegmentHeader,
  FRAME_OVERHEAD_BYTES,
  saltedEvent,
} from './frame.ts';

const archived = fc.record({
  leafIndex: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  salt: fc.uint8Array({ minLength: 32, maxLength: 32 }).map((bytes) => Buffer.from(bytes)),
  bytes: fc.uint8Array({ minLength: 1, maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

function frameOf(event: ArchivedEvent): Buffer {
  const frame = Buffer.alloc(FRAME_OVERHEAD_BYTES + event.bytes.length);
  expect(encodeFrame(frame, 0, event)).toBe(frame.length);
  return frame;
}

describe('a frame of the archive', () => {
  it('gives back what was put in, wherever it lies', () => {
    fc.assert(
      fc.property(fc.array(archived, { minLength: 1, maxLength: 10 }), (events) => {
        const bytes = Buffer.concat(events.map(frameOf));
        let at = 0;
        for (const event of events) {
          const read = decodeFrame(bytes, at);
          expect(read?.event).toEqual(event);
          at = read?.end ?? 0;
        }
        expect(at).toBe(bytes.length);
      }),
    );
  });

  it('says that the rest is not there yet when it is cut anywhere', () => {
    fc.assert(
      fc.property(archived, fc.nat(), (event, cut) => {
        const frame = frameOf(event);
        expect(decodeFrame(frame.subarray(0, cut % frame.length), 0)).toBeNull();
      }),
    );
  });

  it('never gives another event when one bit is turned', () => {
    fc.assert(
      fc.property(archived, fc.nat(), fc.integer({ min: 0, max: 7 }), (event, where, bit) => {
        const frame = frameOf(event);
        const at = where % frame.length;
        frame.writeUInt8(frame.readUInt8(at) ^ (1 << bit), at);
        let read: ReturnType<typeof decodeFrame> = null;
        try {
          read = decodeFrame(frame, 0);
        } catch (error) {
          expect(error).toMatchObject({ code: 'archive_corrupt' });
        }
        expect(read).toBeNull();
      }),
    );
  });

  it('holds salt and event side by side', () => {
    const event = { leafIndex: 3, salt: Buffer.alloc(32, 1), bytes: Buffer.from('{}') };
    expect(saltedEvent(frameOf(event))).toEqual(Buffer.concat([event.salt, event.bytes]));
  });
});

describe('the header of a segment', () => {
  it('gives back first leaf and epoch', () => {
    expect(decodeSegmentHeader(encodeSegmentHeader(2 ** 40 + 5, 9))).toEqual({
      firstLeaf: 2 ** 40 + 5,
      epoch: 9,
    });
  });

  it('refuses a file that is none of ours', () => {
    expect(() => decodeSegmentHeader(Buffer.alloc(24))).toThrow('header');
    expect(() => decodeSegmentHeader(Buffer.alloc(3))).toThrow('header');
  });
});
