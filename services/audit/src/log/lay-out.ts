import {
  encodeFrame,
  encodeSegmentHeader,
  FRAME_OVERHEAD_BYTES,
  SEGMENT_HEADER_BYTES,
  saltedEvent,
} from '../archive/frame.ts';
import { encodeLeaf, sha256 } from './leaf.ts';
import type { NumberedRow } from './sift.ts';

/** An event with its place in the log and in the archive. */
export interface Placed {
  readonly row: NumberedRow;
  readonly leafIndex: number;
  readonly offset: number;
  readonly frameBytes: number;
  /** Its leaf record, as the log has it. */
  readonly entry: Buffer;
}

/** A batch in the form in which it is written: one run of bytes, and where each event lies in it. */
export interface LaidOut {
  /** To be written at `offset` of the segment. */
  readonly bytes: Buffer;
  readonly offset: number;
  readonly placed: readonly Placed[];
}

/** Bytes that a batch takes up behind others. */
export function bytesOf(rows: readonly NumberedRow[]): number {
  return rows.reduce((sum, row) => sum + FRAME_OVERHEAD_BYTES + row.bytes.length, 0);
}

/**
 * Gives each row the next leaf index and its place in the segment.
 *
 * @param end where the log ends; with `segmentBytes` 0 the segment's header is written too
 * @param digestOf SHA-256 of a source's name
 */
export function layOut(
  rows: readonly NumberedRow[],
  end: { readonly size: number; readonly segmentBytes: number; readonly epoch: number },
  digestOf: (source: string) => Buffer,
): LaidOut {
  const headerBytes = end.segmentBytes === 0 ? SEGMENT_HEADER_BYTES : 0;
  const bytes = Buffer.allocUnsafe(headerBytes + bytesOf(rows));
  if (headerBytes > 0) encodeSegmentHeader(end.size, end.epoch).copy(bytes);
  const placed: Placed[] = [];
  let at = headerBytes;
  for (const [nth, row] of rows.entries()) {
    const leafIndex = end.size + nth;
    const frameEnd = encodeFrame(bytes, at, { leafIndex, salt: row.salt, bytes: row.bytes });
    placed.push({
      row,
      leafIndex,
      offset: end.segmentBytes + at,
      frameBytes: frameEnd - at,
      entry: encodeLeaf({
        sourceDigest: digestOf(row.source),
        sequence: row.sequence,
        type: row.type,
        eventDigest: sha256(saltedEvent(bytes.subarray(at, frameEnd))),
      }),
    });
    at = frameEnd;
  }
  return { bytes, offset: end.segmentBytes, placed };
}
