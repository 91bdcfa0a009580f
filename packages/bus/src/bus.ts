import type { Pool, Transaction } from '@tollgate/database';
import type { Parsed, Topic } from '@tollgate/events';

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
   * partition, which changes after 256 KB or a second; state topics go by key, so that compaction finds them.
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

/** Reading topics as one member of a group, with effects exactly once in the service's own database. */
export interface ConsumeOptions<T> {
  /** Without the topic prefix, such as `audit`. */
  readonly group: string;
  readonly topics: readonly Topic[];
  /** The service's database; its schema holds `consumer_offset` (see `busMigrations`). */
  readonly pool: Pool;
  /** `parseEvent` or `parseEnvelope` of packages/events. */
  readonly parse: (bytes: Uint8Array) => Parsed<T>;
  /**
   * The effects of one batch, inside the transaction that also moves the offset. Never sees a message twice by
   * offset; must drop events it has already seen by id. A thrown infrastructure error is retried with back-off,
   * and so is any other: a batch is never skipped.
   */
  readonly handle: (batch: ConsumedBatch<T>, tx: Transaction) => Promise<void>;
  /** At most this many messages in one transaction. */
  readonly maxBatch?: number;
}

/** All partitions of a state topic, into memory. */
export interface FollowOptions {
  readonly topic: Topic;
  /** Where the state is kept between runs, so that a follower can start while the broker is down. */
  readonly snapshotFile?: string;
  /** Takes the latest message of a key. Called again for what was in the snapshot. */
  readonly apply: (message: { readonly key: string; readonly value: Buffer }) => void;
}

export interface Follower extends Running {
  /** Resolves when everything that was in the topic at the start, or else in the snapshot, has been applied. */
  readonly ready: Promise<void>;
  /** Whether the broker's state, rather than only the snapshot, has been read to its end. */
  caughtUp(): boolean;
}

/** What a service gets: Kafka now, the embedded Postgres log later, with the same promises. */
export interface Bus {
  createPublisher(): Promise<Publisher>;
  consume<T>(options: ConsumeOptions<T>): Promise<Running>;
  follow(options: FollowOptions): Promise<Follower>;
  close(): Promise<void>;
}
