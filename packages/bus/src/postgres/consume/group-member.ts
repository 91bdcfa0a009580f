import { setTimeout as sleep } from 'node:timers/promises';
import type { Topic } from '@tollgate/events';
import type { BatchHandler } from '../../consume/batch.ts';
import { positionKey } from '../../consume/consumer-offsets.ts';
import type { PartitionLog } from '../../consume/position-plan.ts';
import type { ConsumeProgress } from '../../consume/progress.ts';
import { BusError } from '../../errors.ts';
import type { PostgresContext } from '../context.ts';
import { explain, readLogs } from '../log.ts';
import { announceGroup } from '../notifications.ts';
import type { LogSession } from '../session.ts';
import type { Watcher } from '../watch.ts';
import { noteProgress } from './group-progress.ts';
import { PartitionReader } from './partition-reader.ts';
import { establishPositions } from './positions.ts';
import { shareOf } from './shares.ts';
import type { Turns } from './turns.ts';

export type GroupMemberOptions<T> = {
  readonly context: PostgresContext;
  readonly topics: readonly Topic[];
  readonly handler: BatchHandler<T>;
  readonly progress: ConsumeProgress;
  readonly turns: Turns;
  readonly maxBatch: number;
};

type Partition = { readonly topic: Topic; readonly partition: number };
type Claimed<T> = { readonly reader: PartitionReader<T>; readonly session: LogSession };

/** A batch that takes longer to finish is left behind: its effects then commit before its successor's, or never. */
const LAST_BATCH_MS = 20_000;

/**
 * One member of a group. Members are whoever holds a shared lock on the group's topic, so a killed process ceases to
 * be one as soon as the server sees its connection end. Each claims the partitions of its share, and gives up, after
 * the batch in hand, those that are another's by now. Claims keep two members from working on the same; that effects
 * happen once rests on the position's lock, not on them.
 */
export class GroupMember<T> implements Watcher {
  readonly topics: readonly Topic[];
  readonly group: string;
  private readonly options: GroupMemberOptions<T>;
  private readonly claims = new Map<string, Claimed<T>>();
  /** Partitions whose last batch is being finished. */
  private readonly leaving = new Map<string, Promise<void>>();
  /** Where each reader was at the last look. */
  private readonly lookedAt = new Map<string, bigint>();
  private session: LogSession | undefined;
  private joinedBy: LogSession | undefined;
  /** Null until this connection has looked. */
  private logs: readonly PartitionLog[] | null = null;
  private balancing: Promise<void> | undefined;
  private balanceAgain = false;
  private balanced = false;
  private stopped = false;
  private failure: string | null = null;

  constructor(options: GroupMemberOptions<T>) {
    this.options = options;
    this.topics = options.topics;
    this.group = options.handler.group;
  }

  /** Whether it has its share of the partitions, as far as they are free. */
  isJoined(): boolean {
    return this.balanced && this.session?.ended.aborted === false;
  }

  /** Why it has not; null where nothing has failed. */
  lastFailure(): string | null {
    return this.failure;
  }

  positions(): (Partition & { readonly next: bigint })[] {
    return [...this.claims.values()].map(({ reader: { topic, partition, next } }) => ({
      topic,
      partition,
      next,
    }));
  }

  begin(session: LogSession): void {
    this.session = session;
    this.logs = null;
    this.balanced = false;
    this.leaveBehind();
  }

  failed(error: unknown): void {
    this.fail(error);
    this.leaveBehind();
  }

  wake(topic: Topic, partition: number | null): void {
    for (const { reader } of this.claims.values()) {
      if (reader.topic === topic && (partition === null || reader.partition === partition)) reader.wake();
    }
  }

  look(logs: readonly PartitionLog[]): void {
    this.logs = logs;
    this.options.progress.fetched();
    for (const { topic, partition, high } of logs) {
      const key = positionKey(topic, partition);
      const reader = this.claims.get(key)?.reader;
      if (reader === undefined) continue;
      this.options.progress.ends(topic, partition, high);
      // A log that is shorter than what had been read at the look before was restored, or begun anew.
      if (high < (this.lookedAt.get(key) ?? 0n)) this.letGo(key);
      else if (reader.next < high) reader.wake();
      this.lookedAt.set(key, reader.next);
    }
    this.rebalance();
  }

  rebalance(): void {
    this.balanceAgain = true;
    this.balancing ??= this.keepBalancing();
  }

  /** Gives everything up, without waiting for what hangs, and claims it anew. */
  rejoin(why: string): void {
    this.fail(why);
    this.leaveBehind();
  }

  /** Finishes the batches in hand and leaves. */
  async stop(): Promise<void> {
    this.stopped = true;
    await this.balancing;
    for (const key of this.claims.keys()) this.letGo(key);
    await Promise.all(this.leaving.values());
    const { joinedBy } = this;
    if (joinedBy === undefined || joinedBy.ended.aborted) return;
    try {
      await joinedBy.leave(this.topics.map((topic) => this.memberKey(topic)));
      await announceGroup(joinedBy, this.group);
    } catch (error) {
      this.options.context.logger.debug({ err: error, group: this.group }, 'left without saying so');
    }
  }

  private async keepBalancing(): Promise<void> {
    while (this.balanceAgain && !this.stopped) {
      this.balanceAgain = false;
      const { session } = this;
      if (session === undefined || session.ended.aborted || this.logs === null) continue;
      try {
        await this.balance(session, this.logs);
        this.failure = null;
        this.balanced = true;
      } catch (error) {
        if (session.ended.aborted) continue;
        this.fail(explain(error));
        this.options.context.logger.warn({ err: error, group: this.group }, 'partitions are not claimed yet');
      }
    }
    this.balancing = undefined;
  }

  private async balance(session: LogSession, logs: readonly PartitionLog[]): Promise<void> {
    const missing = this.topics.find((topic) => !logs.some((log) => log.topic === topic));
    if (missing !== undefined) {
      throw new BusError('topic-missing', `the embedded bus has no topic ${missing}: set it up anew`);
    }
    const memberKeys = this.topics.map((topic) => this.memberKey(topic));
    if (this.joinedBy !== session) {
      await session.join(memberKeys);
      this.joinedBy = session;
      await announceGroup(session, this.group);
    }
    const members = await session.members(memberKeys);
    const share = new Map<string, Partition>();
    for (const topic of this.topics) {
      const partitions = logs.filter((log) => log.topic === topic).length;
      const ofTopic = members.get(this.memberKey(topic)) ?? [];
      for (const partition of shareOf(topic, partitions, ofTopic, session.pid)) {
        share.set(positionKey(topic, partition), { topic, partition });
      }
    }
    for (const key of this.claims.keys()) if (!share.has(key)) this.letGo(key);
    const wanted = [...share].filter(([key]) => !this.claims.has(key) && !this.leaving.has(key));
    if (wanted.length > 0) await this.takeUp(session, new Map(wanted));
  }

  private async takeUp(session: LogSession, wanted: ReadonlyMap<string, Partition>): Promise<void> {
    const granted = await session.claim([...wanted.keys()].map((key) => this.claimKey(key)));
    const mine = [...wanted].filter(([key]) => granted.includes(this.claimKey(key)));
    if (mine.length === 0) return;
    const { context, handler, progress, turns, maxBatch } = this.options;
    try {
      const topics = [...new Set(mine.map(([, { topic }]) => topic))];
      const keys = new Set(mine.map(([key]) => key));
      const positions = await establishPositions(context, handler.pool, this.group, topics, async () =>
        (await readLogs(context.pool, topics)).filter((log) =>
          keys.has(positionKey(log.topic, log.partition)),
        ),
      );
      const found = mine.map(([key, at]) => ({ key, ...at, next: positions.get(key) ?? 0n }));
      await noteProgress(session, this.group, found);
      if (session.ended.aborted || this.stopped) {
        await session.release(granted);
        return;
      }
      for (const { key, topic, partition, next } of found) {
        const reader = new PartitionReader({
          context,
          handler,
          progress,
          turns,
          maxBatch,
          topic,
          partition,
          next,
          onMisplaced: () => this.letGo(key),
        });
        this.claims.set(key, { reader, session });
      }
      this.tellProgress();
    } catch (error) {
      if (!session.ended.aborted) await session.release(granted);
      throw error;
    }
  }

  private fail(why: unknown): void {
    this.failure = why instanceof Error ? why.message : String(why);
    this.balanced = false;
  }

  /** What a lost connection had claimed may be another member's by now. */
  private leaveBehind(): void {
    for (const key of this.claims.keys()) this.letGo(key, { waiting: false });
  }

  /** Ends a partition's reader, and its claim afterwards; whoever has a share then looks for it. */
  private letGo(key: string, { waiting = true } = {}): void {
    const claimed = this.claims.get(key);
    if (claimed === undefined) return;
    this.claims.delete(key);
    this.lookedAt.delete(key);
    this.tellProgress();
    const { reader, session } = claimed;
    const ended = reader.end();
    const patience = waiting ? sleep(LAST_BATCH_MS, undefined, { ref: false }) : undefined;
    const left = Promise.race([ended, patience])
      .then(async () => {
        if (session.ended.aborted) return;
        await session.release([this.claimKey(key)]);
        if (session === this.session) await announceGroup(session, this.group);
      })
      .catch((error: unknown) =>
        this.options.context.logger.debug({ err: error, group: this.group, key }, 'a claim was not given up'),
      )
      .finally(() => this.leaving.delete(key));
    this.leaving.set(key, left);
  }

  private tellProgress(): void {
    const { progress } = this.options;
    const readers = [...this.claims.values()].map(({ reader }) => reader);
    const byTopic = Map.groupBy(readers, ({ topic }) => topic);
    progress.assigned(
      Object.fromEntries([...byTopic].map(([topic, of]) => [topic, of.map(({ partition }) => partition)])),
    );
    for (const { topic, partition, next, blocked } of readers) {
      progress.committed(topic, partition, next);
      if (blocked !== null) progress.blocked(topic, partition, blocked);
    }
  }

  private memberKey(topic: string): string {
    return `member/${this.group}/${topic}`;
  }

  private claimKey(partition: string): string {
    return `claim/${this.group}/${partition}`;
  }
}
