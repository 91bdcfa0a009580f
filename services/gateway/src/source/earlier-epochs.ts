import { parseEvent } from '@tollgate/events';
import { EVENT_KINDS, kindOf } from '../spool/frame.ts';
import { type Place, type ScannedFolder, scanFolder } from '../spool/scan.ts';
import type { Position } from '../spool/spool.ts';
import type { SpoolState } from '../spool/state-file.ts';
import { type OpenRequest, OpenRequests } from './open-requests.ts';
import type { Gap } from './services.ts';

const GAP = kindOf('tollgate.source.gap.v1');

/** What earlier epochs left on a spool, read and made safe to rely on. */
export interface EarlierEpochs {
  readonly folder: ScannedFolder;
  /** Requests whose end is not on the spool. */
  readonly open: readonly OpenRequest[];
  /** Gaps that were said to be unanswerable. */
  readonly saidGaps: readonly Gap[];
  /** Everything before is acknowledged by the broker. */
  readonly acknowledged: Position;
  readonly unacknowledgedEvents: number;
}

/** Reads the folder; changes nothing in it but what `scanFolder` makes safe, so it may be repeated at any time. */
export function readEarlierEpochs(
  folder: string,
  segmentBytes: number,
  state: SpoolState | null,
): EarlierEpochs {
  const requests = new OpenRequests();
  const saidGaps: Gap[] = [];
  let unacknowledgedEvents = 0;
  const scanned = scanFolder(folder, segmentBytes, state, (kind, payload, place) => {
    if (kind < EVENT_KINDS && !isAcknowledged(place, state)) unacknowledgedEvents += 1;
    requests.visit(kind, payload);
    if (kind === GAP) saidGaps.push(...gapIn(payload));
  });
  return {
    folder: scanned,
    open: requests.remaining(),
    saidGaps,
    acknowledged: acknowledgedPosition(scanned, state),
    unacknowledgedEvents,
  };
}

function isAcknowledged(place: Place, state: SpoolState | null): boolean {
  if (state === null) return false;
  const { segment, offset } = state.acknowledged;
  return place.segment < segment || (place.segment === segment && place.offset <= offset);
}

function gapIn(payload: Buffer): Gap[] {
  const parsed = parseEvent(payload);
  if (parsed.kind !== 'event' || parsed.event.type !== 'tollgate.source.gap.v1') return [];
  const { source, from, to } = parsed.event.data;
  return [{ source, from, to }];
}

/** Where a state file's place lies among the segments that are still there. */
function acknowledgedPosition(scanned: ScannedFolder, state: SpoolState | null): Position {
  if (state === null) return 0;
  const { segment: index, offset } = state.acknowledged;
  let position = 0;
  for (const segment of scanned.segments) {
    if (segment.index > index) break;
    position =
      segment.index < index ? segment.base + segment.bytes : segment.base + Math.min(offset, segment.bytes);
  }
  return position;
}
