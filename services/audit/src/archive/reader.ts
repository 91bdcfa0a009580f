import { AuditError } from '../errors.ts';
import { type ArchivedEvent, decodeFrame, SEGMENT_HEADER_BYTES } from './frame.ts';
import type { SegmentStore } from './segment-store.ts';

/** Where one event lies in the archive. */
export interface ArchivePlace {
  readonly leafIndex: number;
  readonly segment: string;
  readonly offset: number;
  readonly frameBytes: number;
}

/** Frames no farther apart than this are read together with what lies between them. */
const MAX_HOLE_BYTES = 16_384;
const MAX_READ_BYTES = 1 << 20;

/**
 * The events at these places, in the order asked for, each checked against its checksum and leaf index.
 * @throws AuditError `archive_corrupt` or `archive_truncated`
 */
export async function readPlaces(
  store: SegmentStore,
  places: readonly ArchivePlace[],
): Promise<ArchivedEvent[]> {
  const found = new Map<number, ArchivedEvent>();
  for (const run of runsOf(places)) {
    const start = run[0]?.offset ?? 0;
    const end = run.reduce((last, { offset, frameBytes }) => Math.max(last, offset + frameBytes), start);
    const segment = run[0]?.segment ?? '';
    const bytes = await store.read(segment, start, end - start);
    for (const place of run) {
      const frame = decodeFrame(
        bytes.subarray(0, place.offset - start + place.frameBytes),
        place.offset - start,
      );
      if (frame === null) {
        throw new AuditError('archive_truncated', `segment ${segment} ends before leaf ${place.leafIndex}`);
      }
      if (frame.event.leafIndex !== place.leafIndex) {
        throw new AuditError(
          'archive_corrupt',
          `segment ${segment} holds leaf ${frame.event.leafIndex} where the index has ${place.leafIndex}`,
        );
      }
      found.set(place.leafIndex, frame.event);
    }
  }
  return places.map(({ leafIndex }) => {
    const event = found.get(leafIndex);
    if (event === undefined) throw new AuditError('archive_corrupt', `leaf ${leafIndex} was not read`);
    return event;
  });
}

/** Places that one read covers. */
function runsOf(places: readonly ArchivePlace[]): ArchivePlace[][] {
  const sorted = [...places].sort((a, b) =>
    a.segment === b.segment ? a.offset - b.offset : a.segment < b.segment ? -1 : 1,
  );
  const runs: ArchivePlace[][] = [];
  for (const place of sorted) {
    const run = runs.at(-1);
    const first = run?.[0];
    const last = run?.at(-1);
    const near =
      run !== undefined &&
      first?.segment === place.segment &&
      place.offset - ((last?.offset ?? 0) + (last?.frameBytes ?? 0)) <= MAX_HOLE_BYTES &&
      place.offset + place.frameBytes - first.offset <= MAX_READ_BYTES;
    if (near) run.push(place);
    else runs.push([place]);
  }
  return runs;
}

/**
 * The frames of one segment from `offset` on, as long as their leaf index is below `endLeaf`; what lies beyond may be
 * what a lost leader left, and is not looked at. Pass the segment header's length to begin at its start.
 */
export async function* readSegment(
  store: SegmentStore,
  segment: string,
  range: { readonly offset?: number; readonly firstLeaf: number; readonly endLeaf: number },
): AsyncGenerator<ArchivedEvent> {
  let offset = range.offset ?? SEGMENT_HEADER_BYTES;
  let next = range.firstLeaf;
  while (next < range.endLeaf) {
    const bytes = await store.read(segment, offset, MAX_READ_BYTES);
    let at = 0;
    while (next < range.endLeaf) {
      const frame = decodeFrame(bytes, at);
      if (frame === null) break;
      if (frame.event.leafIndex !== next) {
        throw new AuditError(
          'archive_corrupt',
          `segment ${segment} holds leaf ${frame.event.leafIndex} instead of ${next}`,
        );
      }
      yield frame.event;
      at = frame.end;
      next += 1;
    }
    if (at === 0 && next < range.endLeaf) {
      throw new AuditError('archive_truncated', `segment ${segment} ends before leaf ${next}`);
    }
    offset += at;
  }
}
