import { MAX_EVENT_BYTES } from '@tollgate/events';
import { SpoolError } from './errors.ts';
import { FRAME_HEADER_BYTES, sealFrame } from './frame.ts';

/** Appends gather here until they are written; when it is full they are written at once. */
const BUFFER_BYTES = 1 << 20;
/** One more than fits, so that a text that is too long shows; a character takes up to four bytes. */
const PROBE_BYTES = MAX_EVENT_BYTES + 4;

/** Frames on their way to the page cache, built in place. */
export class FrameBuffer {
  readonly bytes = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  /** Bytes of sealed frames. */
  length = 0;

  /** Whether the largest frame still fits. */
  get hasRoom(): boolean {
    return this.length + FRAME_HEADER_BYTES + PROBE_BYTES <= BUFFER_BYTES;
  }

  /** Where the payload of the next frame begins. */
  get payloadStart(): number {
    return this.length + FRAME_HEADER_BYTES;
  }

  /** Puts a text behind where the next header will be; returns its bytes. @throws SpoolError `event-too-large` */
  place(text: string): number {
    const bytes = this.bytes.write(text, this.payloadStart, PROBE_BYTES);
    if (bytes > MAX_EVENT_BYTES) {
      throw new SpoolError(
        'event-too-large',
        `an event holds at most ${MAX_EVENT_BYTES} bytes: shorten its tags`,
      );
    }
    if (bytes === 0) throw new SpoolError('spool-setting', "an empty frame can't be appended");
    return bytes;
  }

  /** Makes a frame of what was placed. */
  seal(payloadBytes: number, kind: number, sequence: number, salt: number): void {
    sealFrame(this.bytes, this.length, payloadBytes, kind, sequence, salt);
    this.length += FRAME_HEADER_BYTES + payloadBytes;
  }

  /** Forgets the sealed frames, which are written; what was placed behind them goes to the front. */
  clear(placedBytes = 0): void {
    if (placedBytes > 0) {
      this.bytes.copyWithin(FRAME_HEADER_BYTES, this.payloadStart, this.payloadStart + placedBytes);
    }
    this.length = 0;
  }
}
