import { crc32 } from 'node:zlib';
import { STATE_TOPICS, type Topic } from '@tollgate/events';

/** What one partition is given before the next one's turn comes. */
export type RotationLimits = { readonly bytes: number; readonly ms: number };

type Turn = { partition: number; bytes: number; startedMs: number };

/**
 * Which partition a flush goes to. All of a topic's messages in a flush go to one partition, and flushes that follow
 * closely stay on it until it has had its share: consumers then find them together and handle them in one
 * transaction, where a partition per flush would cost them one transaction per flush.
 */
export class PartitionRotation {
  private readonly limits: RotationLimits;
  private readonly nowMs: () => number;
  private readonly random: () => number;
  private readonly turns = new Map<Topic, Turn>();

  /** @param random from 0 up to 1: where a topic's first turn is, so that publishers don't march in step */
  constructor(limits: RotationLimits, nowMs: () => number, random: () => number) {
    this.limits = limits;
    this.nowMs = nowMs;
    this.random = random;
  }

  /** The partition, from 0 to `count` − 1, for a flush of `bytes`. */
  choose(topic: Topic, count: number, bytes: number): number {
    const nowMs = this.nowMs();
    const turn = this.turns.get(topic);
    if (turn === undefined || turn.partition >= count) {
      return this.begin(topic, Math.floor(this.random() * count), bytes, nowMs);
    }
    if (turn.bytes >= this.limits.bytes || nowMs - turn.startedMs >= this.limits.ms) {
      return this.begin(topic, (turn.partition + 1) % count, bytes, nowMs);
    }
    turn.bytes += bytes;
    return turn.partition;
  }

  /** Ends the partition's turn: after a failure, the next one may have a leader that is well. */
  skip(topic: Topic): void {
    const turn = this.turns.get(topic);
    if (turn !== undefined) turn.bytes = Number.POSITIVE_INFINITY;
  }

  private begin(topic: Topic, partition: number, bytes: number, startedMs: number): number {
    this.turns.set(topic, { partition, bytes, startedMs });
    return partition;
  }
}

/** The partition of a state topic's key: the same for ever while the number of partitions stays. */
export function partitionOfKey(key: string, count: number): number {
  return crc32(key) % count;
}

export function isStateTopic(topic: Topic): boolean {
  return STATE_TOPICS.has(topic);
}
