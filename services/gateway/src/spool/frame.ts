import { crc32 } from 'node:zlib';
import { type EventType, MAX_EVENT_BYTES } from '@tollgate/events';

/**
 * A frame: payload length (4 bytes), CRC-32 (4), kind (1), zero (1), sequence (6), payload; big-endian. The CRC
 * covers kind to payload and starts from the segment's salt mixed with the length, so that neither bytes of
 * another segment nor a payload that looks like a frame can pass for one. A length of zero ends a segment.
 */
export const FRAME_HEADER_BYTES = 16;
const CHECKED_FROM = 8;

/** Kinds of frames as they stand on disk: numbers are never given twice. Up to 15 they are events. */
export const KIND_PROGRESS = 16;
/** One more than the greatest kind of an event: the length of a table of counts. */
export const EVENT_KINDS = 16;

const KIND_OF: { readonly [T in EventType]?: number } = {
  'tollgate.request.v1': 1,
  'tollgate.rejections.v1': 2,
  'tollgate.decision.v1': 3,
  'tollgate.usage.v1': 4,
  'tollgate.source.started.v1': 5,
  'tollgate.source.stopped.v1': 6,
  'tollgate.source.gap.v1': 7,
  'tollgate.admin.v1': 8,
};
const TYPE_OF: ReadonlyMap<number, EventType> = new Map(
  // Object.entries forgets the key type; KIND_OF is checked against EventType where it is written.
  (Object.entries(KIND_OF) as [EventType, number][]).map(([type, kind]) => [kind, type]),
);

/** The kind byte of an event type. @throws TypeError for a type that no gateway spools. */
export function kindOf(type: EventType): number {
  const kind = KIND_OF[type];
  if (kind === undefined) throw new TypeError(`${type} is not an event that a gateway spools`);
  return kind;
}

/** The event type of a kind byte; undefined for frames that are no events. */
export function typeOf(kind: number): EventType | undefined {
  return TYPE_OF.get(kind);
}

/** Writes header and CRC around a payload that already stands at `start + FRAME_HEADER_BYTES`. */
export function sealFrame(
  buffer: Buffer,
  start: number,
  payloadBytes: number,
  kind: number,
  sequence: number,
  salt: number,
): void {
  const end = start + FRAME_HEADER_BYTES + payloadBytes;
  buffer.writeUInt32BE(payloadBytes, start);
  buffer[start + 8] = kind;
  buffer[start + 9] = 0;
  buffer.writeUIntBE(sequence, start + 10, 6);
  buffer.writeUInt32BE(checksum(buffer, start, end, payloadBytes, salt), start + 4);
}

function checksum(buffer: Buffer, start: number, end: number, payloadBytes: number, salt: number): number {
  return crc32(buffer.subarray(start + CHECKED_FROM, end), (salt ^ payloadBytes) >>> 0);
}

/**
 * How reading frames ended. `more`: a frame was read. `end`: the zero length that follows the last frame.
 * `cut`: the bytes at hand end inside a frame. `bad`: what stands here is no frame of this segment.
 */
export type FrameStep = 'more' | 'end' | 'cut' | 'bad';

/** Walks over the frames in a buffer without allocating one object per frame. */
export class FrameReader {
  readonly buffer: Buffer;
  readonly #salt: number;
  #next: number;
  readonly #end: number;
  kind = 0;
  /** The event's sequence; for a frame that is no event, the sequence of the event before it. */
  sequence = 0;
  payloadStart = 0;
  payloadEnd = 0;

  constructor(buffer: Buffer, salt: number, start = 0, end = buffer.length) {
    this.buffer = buffer;
    this.#salt = salt;
    this.#next = start;
    this.#end = end;
  }

  /** Where the next frame begins: after a step other than `more`, the end of what is sound. */
  get offset(): number {
    return this.#next;
  }

  next(): FrameStep {
    const start = this.#next;
    if (start + FRAME_HEADER_BYTES > this.#end) {
      return isZero(this.buffer, start, this.#end) ? 'end' : 'cut';
    }
    const payloadBytes = this.buffer.readUInt32BE(start);
    if (payloadBytes === 0) return isZero(this.buffer, start, start + FRAME_HEADER_BYTES) ? 'end' : 'bad';
    if (payloadBytes > MAX_EVENT_BYTES) return 'bad';
    const end = start + FRAME_HEADER_BYTES + payloadBytes;
    if (end > this.#end) return 'cut';
    const crc = this.buffer.readUInt32BE(start + 4);
    if (crc !== checksum(this.buffer, start, end, payloadBytes, this.#salt)) return 'bad';
    this.kind = this.buffer.readUInt8(start + 8);
    this.sequence = this.buffer.readUIntBE(start + 10, 6);
    this.payloadStart = start + FRAME_HEADER_BYTES;
    this.payloadEnd = end;
    this.#next = end;
    return 'more';
  }

  /** The payload, sharing the buffer's memory. */
  payload(): Buffer {
    return this.buffer.subarray(this.payloadStart, this.payloadEnd);
  }
}

function isZero(buffer: Buffer, start: number, end: number): boolean {
  for (let i = start; i < end; i += 1) if (buffer[i] !== 0) return false;
  return true;
}
