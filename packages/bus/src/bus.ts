import type { Topic } from '@tollgate/events';

/** One message as a producer hands it over: final bytes, and a key that is metadata (state topics compact by it). */
export interface OutgoingMessage {
  readonly topic: Topic;
  readonly key: string;
  readonly value: Buffer;
}

/** Sends batches. One caller at a time per publisher; the caller keeps the batch until the promise resolves. */
export interface Publisher {
  /**
   * Resolves once every message is acknowledged by all in-sync replicas. Per topic, the whole batch goes to one
   * partition, rotating from flush to flush; state topics go by key, so that compaction finds them.
   *
   * @throws BusError where any message may not have been stored: send the whole batch again (consumers drop what
   *   they have already seen)
   */
  publish(batch: readonly OutgoingMessage[]): Promise<void>;
  close(): Promise<void>;
}

/** One message as a consumer gets it. */
export interface ConsumedMessage {
  readonly topic: Topic;
  readonly partition: number;
  readonly offset: bigint;
  readonly key: string | null;
  readonly value: Buffer;
  readonly timestampMs: number;
}

/** Messages of one partition, in order. */
export interface ConsumedBatch<T> {
  readonly topic: Topic;
  readonly partition: number;
  readonly messages: readonly (ConsumedMessage & { readonly event: T })[];
}

/** Something that runs until it is stopped. */
export interface Running {
  /** Finishes the work in hand, commits it and lets go, within the deadline given at its start. */
  stop(): Promise<void>;
  /** Why this can't do its work just now; null when all is well. Feeds readiness. */
  trouble(): string | null;
}
