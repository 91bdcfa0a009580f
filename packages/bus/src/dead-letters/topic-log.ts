import type { Topic } from '@tollgate/events';
import type { OutgoingMessage } from '../bus.ts';

/** A part of a topic. */
export type TopicRange = {
  /** Only this partition; all unless given. */
  readonly partition?: number;
  /** Begin here instead of at the log's beginning. */
  readonly fromOffset?: bigint;
  /** End before this offset instead of at the log's end. */
  readonly toOffset?: bigint;
};

/** A bus as a command looks at it: what its topics hold just now, without being a consumer. */
export interface TopicLog {
  /** Reads up to where the topic ends now, and leaves no trace. Partitions come in any order. */
  read(
    topic: Topic,
    take: (partition: number, offset: bigint, value: Buffer | null) => void,
    range?: TopicRange,
  ): Promise<void>;
  /** The topic of ours that has this name on this bus; undefined for any other. */
  topicOfName(name: string): Topic | undefined;
  publish(message: OutgoingMessage): Promise<void>;
  close(): Promise<void>;
}
