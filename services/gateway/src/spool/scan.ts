import { closeSync, openSync, readFileSync, readSync, renameSync, statSync, unlinkSync } from 'node:fs';
import { Chain } from './chain.ts';
import { EVENT_KINDS, FrameReader } from './frame.ts';
import type { Segment, Spare } from './segment.ts';
import { cutSegment, listSegments, segmentPath, syncFolder } from './segment-file.ts';
import {
  decodeSegmentHeader,
  type Mark,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from './segment-header.ts';
import type { SpoolState } from './state-file.ts';

/** Where a frame ends. */
export interface Place {
  readonly segment: number;
  readonly offset: number;
}

/** Is shown every sound frame of the spool, oldest first. What is kept of the payload or the place is to be copied. */
export type FrameVisitor = (kind: number, payload: Buffer, place: Place) => void;

/** Numbers of an earlier epoch that can't be read any more. */
export interface LostNumbers {
  readonly source: string;
  readonly from: number;
  readonly to: number;
}

/** An epoch that left events on the spool. */
export interface EarlierEpoch {
  readonly source: string;
  /** How far it came, as far as its files tell. */
  readonly through: Mark;
}

export interface ScannedFolder {
  /** Whole, cut to what is sound, on disk; oldest first, with positions from 0. */
  readonly segments: Segment[];
  readonly spares: Spare[];
  readonly nextIndex: number;
  /** Oldest first. */
  readonly epochs: readonly EarlierEpoch[];
  readonly lost: readonly LostNumbers[];
  /** Files that are no segments any more; they were renamed to `….bad`. */
  readonly damagedFiles: readonly string[];
  /** Bytes behind the last sound frames: torn tails, or damage. */
  readonly cutBytes: number;
}

interface Found {
  readonly index: number;
  readonly path: string;
  readonly header: SegmentHeader;
  readonly soundBytes: number;
  /** What is behind the sound frames and is no zero stays in the file, for whoever has to find out why. */
  readonly filledBytes: number;
}

/**
 * Reads all that earlier epochs left in a spool folder and makes it safe to rely on: a torn tail is cut, never
 * guessed, and what was only in the page cache is synced before anybody is told of it.
 *
 * @param segmentBytes size of the files that may serve as prepared ones again
 */
export function scanFolder(
  folder: string,
  segmentBytes: number,
  state: SpoolState | null,
  visit: FrameVisitor,
): ScannedFolder {
  const walk = new EpochWalk(state);
  const found: Found[] = [];
  const spares: Spare[] = [];
  const damagedFiles: string[] = [];
  let cutBytes = 0;
  const indexes = listSegments(folder);
  for (const index of indexes) {
    const path = segmentPath(folder, index);
    const decoded = decodeSegmentHeader(firstPage(path));
    if (decoded.kind === 'bad' && statSync(path).size >= SEGMENT_HEADER_BYTES) {
      renameSync(path, `${path}.bad`);
      damagedFiles.push(`${path}.bad`);
    } else if (decoded.kind !== 'header') {
      if (statSync(path).size === segmentBytes)
        spares.push({ index, fd: openSync(path, 'r+'), bytes: segmentBytes });
      else unlinkSync(path);
    } else {
      const bytes = readFileSync(path);
      const soundBytes = walk.segment(index, decoded.header, bytes, visit);
      const filledBytes = Math.max(soundBytes, bytes.length - trailingZeros(bytes));
      cutBytes += filledBytes - soundBytes;
      found.push({ index, path, header: decoded.header, soundBytes, filledBytes });
    }
  }
  const { epochs, lost } = walk.finish();
  const known = new Set(epochs.map((epoch) => epoch.source));
  const segments: Segment[] = [];
  let base = 0;
  for (const { index, path, header, soundBytes, filledBytes } of found) {
    if (!known.has(header.source)) {
      unlinkSync(path);
      continue;
    }
    cutSegment(path, filledBytes);
    segments.push({
      index,
      path,
      base,
      bytes: filledBytes,
      source: header.source,
      salt: header.salt,
      before: header.before,
      end: base + soundBytes,
      fd: null,
      holds: 0,
      releasedAt: 0,
      acknowledgedAtMs: null,
    });
    base += filledBytes;
  }
  syncFolder(folder);
  return { segments, spares, nextIndex: (indexes.at(-1) ?? -1) + 1, epochs, lost, damagedFiles, cutBytes };
}

/** Follows the numbers of each epoch from segment to segment. */
class EpochWalk {
  readonly #state: SpoolState | null;
  readonly #epochs: EarlierEpoch[] = [];
  readonly #lost: LostNumbers[] = [];
  #source: string | null = null;
  readonly #chain = new Chain();

  constructor(state: SpoolState | null) {
    this.#state = state;
  }

  /** Takes the next segment; returns how many of its bytes are sound. */
  segment(index: number, header: SegmentHeader, bytes: Buffer, visit: FrameVisitor): number {
    if (header.source !== this.#source) {
      this.#end();
      this.#source = header.source;
      this.#chain.jump(header.before);
    }
    if (header.before.sequence > this.#chain.sequence) this.#loseUpTo(header.before);
    const reader = new FrameReader(bytes, header.salt, SEGMENT_HEADER_BYTES);
    const place = { segment: index, offset: reader.offset };
    while (reader.next() === 'more') {
      if (reader.kind < EVENT_KINDS) {
        if (reader.sequence !== this.#chain.sequence + 1) break;
        this.#chain.add(reader.kind, bytes, reader.payloadStart, reader.payloadEnd);
      }
      place.offset = reader.offset;
      visit(reader.kind, reader.payload(), place);
    }
    return place.offset;
  }

  finish(): { epochs: EarlierEpoch[]; lost: LostNumbers[] } {
    this.#end();
    return { epochs: this.#epochs, lost: this.#lost };
  }

  #end(): void {
    const source = this.#source;
    if (source === null) return;
    const told = this.#state?.durable;
    if (told !== undefined && told.source === source && told.sequence > this.#chain.sequence) {
      this.#loseUpTo({ ...told, chain: Buffer.from(told.chain, 'hex').toString('latin1') });
    }
    if (this.#chain.sequence > 0) this.#epochs.push({ source, through: this.#chain.mark() });
  }

  #loseUpTo(mark: Mark): void {
    if (this.#source === null) return;
    this.#lost.push({ source: this.#source, from: this.#chain.sequence + 1, to: mark.sequence });
    this.#chain.jump(mark);
  }
}

function firstPage(path: string): Buffer {
  const fd = openSync(path, 'r');
  try {
    const page = Buffer.alloc(SEGMENT_HEADER_BYTES);
    return page.subarray(0, readSync(fd, page, 0, page.length, 0));
  } finally {
    closeSync(fd);
  }
}

function trailingZeros(bytes: Buffer): number {
  let end = bytes.length;
  while (end > 0 && bytes[end - 1] === 0) end -= 1;
  return bytes.length - end;
}
