import type { Logger } from '@tollgate/telemetry';
import { closingOf } from './closing.ts';
import type { EarlierEpochs } from './earlier-epochs.ts';
import type { Gap } from './services.ts';
import type { SourceVoice } from './source-voice.ts';

export interface RecoverySummary {
  /** Sources of earlier epochs still on the spool, oldest first. */
  readonly earlierSources: readonly string[];
  /** Requests that this start closed, because their gateway ended first. */
  readonly closedRequests: number;
  /** Requests that can't be closed because their own events can't be read: a defect. */
  readonly unreadableRequests: number;
  /** Bytes behind the last sound frames of earlier epochs. */
  readonly cutBytes: number;
  /** Numbers of earlier epochs that can't be read any more. */
  readonly lostEvents: number;
  /** Files that could not be read as segments; they were renamed to `….bad` and count for nothing. */
  readonly damagedFiles: readonly string[];
  readonly unacknowledgedEvents: number;
}

/**
 * The first events of a new epoch: that it started, what earlier epochs lost, and the end of every request that
 * they left open. The caller syncs them before anybody relies on them; a crash before that leaves the earlier
 * epochs as they were, and a crash after it leaves nothing open.
 */
export function beginEpoch(
  voice: SourceVoice,
  earlier: EarlierEpochs,
  options: {
    readonly softwareVersion: string;
    readonly newId: () => string;
    readonly at: string;
    readonly logger: Logger;
  },
): RecoverySummary {
  const { folder } = earlier;
  voice.started(options.softwareVersion, folder.epochs);
  const said = new Set(earlier.saidGaps.map(keyOf));
  for (const lost of folder.lost) {
    if (!said.has(keyOf(lost))) voice.unanswerable(lost, 'spool-corrupt');
  }
  let closedRequests = 0;
  for (const open of earlier.open) {
    const closing = closingOf(open, options.newId(), options.at);
    if (closing === null) {
      options.logger.error(
        { request_id: open.requestId },
        'a lost request can not be closed: its events are unreadable',
      );
      continue;
    }
    voice.say(closing);
    closedRequests += 1;
  }
  const lostEvents = folder.lost.reduce((sum, lost) => sum + lost.to - lost.from + 1, 0);
  if (lostEvents > 0 || folder.damagedFiles.length > 0) {
    options.logger.error(
      { lost: folder.lost, damaged_files: folder.damagedFiles },
      'the spool is damaged: events are lost, which the audit trail will show; check its disk',
    );
  }
  return {
    earlierSources: folder.epochs.map((epoch) => epoch.source),
    closedRequests,
    unreadableRequests: earlier.open.length - closedRequests,
    cutBytes: folder.cutBytes,
    lostEvents,
    damagedFiles: folder.damagedFiles,
    unacknowledgedEvents: earlier.unacknowledgedEvents,
  };
}

function keyOf(gap: Gap): string {
  return `${gap.source} ${gap.from} ${gap.to}`;
}
