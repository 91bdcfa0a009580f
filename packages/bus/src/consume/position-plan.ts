import type { TopicIdentity } from '../kafka/topics/topic-identity.ts';

/** What the database says of a partition. */
export type StoredPosition = { readonly nextOffset: bigint; readonly identity: TopicIdentity };

/** What the broker says of it: its topic, and where its log begins and ends just now. */
export type PartitionLog = {
  readonly topic: string;
  readonly partition: number;
  readonly identity: TopicIdentity;
  readonly low: bigint;
  readonly high: bigint;
};

export type PositionPlan =
  | { kind: 'keep' }
  | { kind: 'create'; to: bigint }
  /** Nothing but the topic's identity, which was not known before. */
  | { kind: 'identify' }
  | {
      kind: 'correct';
      to: bigint;
      /**
       * `topic-recreated`, `log-truncated`: offsets are given anew, so everything is read again, and event ids keep
       * effects from being doubled. `expired-unread`: what was below `to` has gone before this group read it.
       */
      reason: 'topic-recreated' | 'log-truncated' | 'expired-unread';
    };

/**
 * Whether a stored position still fits its log. `log` has to be read after `stored`, so that a log which ends before
 * the position is not just one that was looked at too early.
 */
export function planPosition(stored: StoredPosition | undefined, log: PartitionLog): PositionPlan {
  if (stored === undefined) return { kind: 'create', to: log.low };
  const comparable = stored.identity !== '' && log.identity !== '';
  if (comparable && stored.identity !== log.identity) {
    return { kind: 'correct', to: log.low, reason: 'topic-recreated' };
  }
  if (stored.nextOffset > log.high) return { kind: 'correct', to: log.low, reason: 'log-truncated' };
  if (stored.nextOffset < log.low) return { kind: 'correct', to: log.low, reason: 'expired-unread' };
  return stored.identity === '' && log.identity !== '' ? { kind: 'identify' } : { kind: 'keep' };
}
