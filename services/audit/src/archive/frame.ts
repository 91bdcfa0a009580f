import { crc32 } from 'node:zlib';
import { MAX_EVENT_BYTES } from '@tollgate/events';
import { AuditError } from '../errors.ts';

/*
 * A segment is a header and frames, one after the other:
 *
 *   header  "TGARCH01" | first leaf index 8 | epoch 8
 *   frame   body length 4 | CRC-32 of the body 4 | body
 *   body    leaf index 8 | salt 32 | event bytes
 *
 * Integers are big-endian. Salt and event lie side by side, so that what the leaf digests is one slice.
 */

const MAGIC = Buffer.from('TGARCH01', 'latin1');
export const SEGMENT_HEADER_BYTES = MAGIC.length + 8 + 8;
export const SALT_BYTES = 32;
const FRAME_HEADER_BYTES = 8;
const LEAF_INDEX_BYTES = 8;
const BODY_OVERHEAD_BYTES = LEAF_INDEX_BYTES + SALT_BYTES;
/** What a frame adds to the event's own bytes. */
export const FRAME_OVERHEAD_BYTES = FRAME_HEADER_BYTES + BODY_OVERHEAD_BYTES;

/** One archived event. */
export interface ArchivedEvent {
  readonly leafIndex: number;
  readonly salt: Buffer;
  /** Exactly as the source wrote it. */
  readonly bytes: Buffer;
}

export function encodeSegmentHeader(firstLeaf: number, epoch: number): Buffer {
  const header = Buffer.allocUnsafe(SEGMENT_HEADER_BYTES);
  MAGIC.copy(header);
  writeUint64(header, firstLeaf, MAGIC.length);
  writeUint64(header, epoch, MAGIC.length + 8);
  return header;
}

/** @throws AuditError `archive_corrupt` where the bytes are no segment header of ours */
export function decodeSegmentHeader(bytes: Buffer): { firstLeaf: number; epoch: number } {
  if (bytes.length < SEGMENT_HEADER_BYTES || !bytes.subarray(0, MAGIC.length).equals(MAGIC)) {
    throw new AuditError(
      'archive_corrupt',
      'the segment does not begin with the header of an archive segment',
    );
  }
  return { firstLeaf: readUint64(bytes, MAGIC.length), epoch: readUint64(bytes, MAGIC.length + 8) };
}

/**
 * Writes a frame into `target` at `at`; returns where it ends. The caller made room for
 * `FRAME_OVERHEAD_BYTES + bytes.length`.
 */
export function encodeFrame(target: Buffer, at: number, event: ArchivedEvent): number {
  const bodyBytes = BODY_OVERHEAD_BYTES + event.bytes.length;
  const body = at + FRAME_HEADER_BYTES;
  writeUint64(target, event.leafIndex, body);
  event.salt.copy(target, body + LEAF_INDEX_BYTES);
  event.bytes.copy(target, body + BODY_OVERHEAD_BYTES);
  target.writeUInt32BE(bodyBytes, at);
  target.writeUInt32BE(crc32(target.subarray(body, body + bodyBytes)), at + 4);
  return body + bodyBytes;
}

/** Of an encoded frame: salt and event side by side, which is what the leaf's event digest covers. */
export function saltedEvent(frame: Buffer): Buffer {
  return frame.subarray(FRAME_HEADER_BYTES + LEAF_INDEX_BYTES);
}

/**
 * Reads the frame at `at`. Null where `source` ends before the frame does. The result shares memory with `source`.
 * @throws AuditError `archive_corrupt` where length or checksum can't be right
 */
export function decodeFrame(source: Buffer, at: number): { event: ArchivedEvent; end: number } | null {
  if (source.length - at < FRAME_HEADER_BYTES) return null;
  const bodyBytes = source.readUInt32BE(at);
  if (bodyBytes <= BODY_OVERHEAD_BYTES || bodyBytes > BODY_OVERHEAD_BYTES + MAX_EVENT_BYTES) {
    throw new AuditError('archive_corrupt', `a frame of the archive claims ${bodyBytes} bytes`);
  }
  const body = at + FRAME_HEADER_BYTES;
  const end = body + bodyBytes;
  if (source.length < end) return null;
  if (crc32(source.subarray(body, end)) !== source.readUInt32BE(at + 4)) {
    throw new AuditError(
      'archive_corrupt',
      'the checksum of a frame of the archive does not match its bytes',
    );
  }
  return {
    event: {
      leafIndex: readUint64(source, body),
      salt: source.subarray(body + LEAF_INDEX_BYTES, body + BODY_OVERHEAD_BYTES),
      bytes: source.subarray(body + BODY_OVERHEAD_BYTES, end),
    },
    end,
  };
}

function writeUint64(target: Buffer, value: number, at: number): void {
  target.writeUInt32BE(Math.floor(value / 2 ** 32), at);
  target.writeUInt32BE(value % 2 ** 32, at + 4);
}

function readUint64(source: Buffer, at: number): number {
  return source.readUInt32BE(at) * 2 ** 32 + source.readUInt32BE(at + 4);
}
