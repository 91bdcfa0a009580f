import { crc32 } from 'node:zlib';
import { EVENT_KINDS } from './frame.ts';

/** One page, so that frames begin on a page of their own. */
export const SEGMENT_HEADER_BYTES = 4096;
const MAGIC = 'tgspool\n';
const VERSION = 1;
const CHAIN_AT = 32;
const COUNTS_AT = 64;
const SOURCE_AT = COUNTS_AT + EVENT_KINDS * 8;
const MAX_SOURCE_BYTES = 160;
const CRC_AT = SEGMENT_HEADER_BYTES - 4;

/** How far a source has come: the number of its last event, the running hash and the events per kind up to it. */
export interface Mark {
  readonly sequence: number;
  /** h(sequence) as 32 characters of one byte each (`latin1`). */
  readonly chain: string;
  /** Indexed by the kind byte of frames. */
  readonly counts: readonly number[];
}

/** h(0). */
export const CHAIN_START = '\0'.repeat(32);
export const MARK_START: Mark = { sequence: 0, chain: CHAIN_START, counts: new Array(EVENT_KINDS).fill(0) };

/** What a segment says about itself. */
export interface SegmentHeader {
  readonly source: string;
  /** Starts every checksum of this segment's frames; random per segment. */
  readonly salt: number;
  /** Where the source stood before this segment's first frame. */
  readonly before: Mark;
}

/** The header's page. Layout: magic 8, version 4, salt 4, sequence 8, source length 8, chain, counts, source, CRC. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const page = Buffer.alloc(SEGMENT_HEADER_BYTES);
  const sourceBytes = Buffer.byteLength(header.source);
  if (sourceBytes > MAX_SOURCE_BYTES)
    throw new RangeError(`source names take at most ${MAX_SOURCE_BYTES} bytes`);
  page.write(MAGIC, 0, 'latin1');
  page.writeUInt32BE(VERSION, 8);
  page.writeUInt32BE(header.salt, 12);
  page.writeUIntBE(header.before.sequence, 16 + 2, 6);
  page.writeUInt32BE(sourceBytes, 24);
  page.write(header.before.chain, CHAIN_AT, 'latin1');
  for (let kind = 0; kind < EVENT_KINDS; kind += 1) {
    page.writeUIntBE(header.before.counts[kind] ?? 0, COUNTS_AT + kind * 8 + 2, 6);
  }
  page.write(header.source, SOURCE_AT);
  page.writeUInt32BE(crc32(page.subarray(0, CRC_AT)), CRC_AT);
  return page;
}

/** `unused`: prepared but never written to. `bad`: not a header of ours, or a damaged one. */
export type DecodedHeader =
  | { readonly kind: 'header'; readonly header: SegmentHeader }
  | { readonly kind: 'unused' }
  | { readonly kind: 'bad' };

/** Reads the first page of a segment file. Never throws. */
export function decodeSegmentHeader(page: Buffer): DecodedHeader {
  if (page.length < SEGMENT_HEADER_BYTES) return { kind: 'bad' };
  if (page.subarray(0, SEGMENT_HEADER_BYTES).every((byte) => byte === 0)) return { kind: 'unused' };
  const sourceBytes = page.readUInt32BE(24);
  if (
    page.toString('latin1', 0, 8) !== MAGIC ||
    page.readUInt32BE(8) !== VERSION ||
    page.readUInt32BE(CRC_AT) !== crc32(page.subarray(0, CRC_AT)) ||
    sourceBytes > MAX_SOURCE_BYTES
  ) {
    return { kind: 'bad' };
  }
  const counts: number[] = [];
  for (let kind = 0; kind < EVENT_KINDS; kind += 1) counts.push(page.readUIntBE(COUNTS_AT + kind * 8 + 2, 6));
  return {
    kind: 'header',
    header: {
      source: page.toString('utf8', SOURCE_AT, SOURCE_AT + sourceBytes),
      salt: page.readUInt32BE(12),
      before: {
        sequence: page.readUIntBE(18, 6),
        chain: page.toString('latin1', CHAIN_AT, CHAIN_AT + 32),
        counts,
      },
    },
  };
}
