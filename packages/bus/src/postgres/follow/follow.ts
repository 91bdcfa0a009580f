import type { Topic } from '@tollgate/events';
import type { Follower, FollowOptions } from '../../bus.ts';
import type { PartitionLog } from '../../consume/position-plan.ts';
import { BusError } from '../../errors.ts';
import { FollowedState } from '../../follow/followed-state.ts';
import { readSnapshot } from '../../follow/snapshot.ts';
import { SnapshotWriter } from '../../follow/snapshot-writer.ts';
import type { PostgresContext } from '../context.ts';
import { explain, readPage } from '../log.ts';
import type { LogSession } from '../session.ts';
import type { LogWatch, Watcher } from '../watch.ts';

const PAGE = { maxMessages: 2_000, maxBytes: 4 * 1024 * 1024 };
/** With a snapshot at hand, this is how long a database is waited for that neither answers nor refuses. */
const SNAPSHOT_GRACE_MS = 3_000;

/** Follows a state topic: all of its partitions, in pages, whenever they have grown. */
export async function startFollowing(
  context: PostgresContext,
  watch: LogWatch,
  options: FollowOptions,
): Promise<Follower> {
  const state = new FollowedState(options.topic, options.apply);
  const loaded = await loadSnapshot(context, state, options);
  const writer =
    options.snapshotFile === undefined ? null : new SnapshotWriter(options.snapshotFile, state, context);
  const reader = new StateReader(context, options.topic, state, loaded);
  const unwatch = watch.add(reader);
  let stopping: Promise<void> | undefined;

  async function stop(): Promise<void> {
    unwatch();
    await reader.stop();
    await writer?.stop();
  }
  return {
    ready: reader.ready.promise,
    caughtUp: () => state.caughtUp(),
    trouble: () => (reader.problem === null ? null : `following ${options.topic}: ${reader.problem}`),
    stop() {
      stopping ??= stop();
      return stopping;
    },
  };
}

class StateReader implements Watcher {
  readonly topics: readonly Topic[];
  readonly group = null;
  readonly ready = Promise.withResolvers<void>();
  problem: string | null = 'not connected yet';
  private readonly context: PostgresContext;
  private readonly topic: Topic;
  private readonly state: FollowedState;
  private readonly loaded: boolean;
  private readonly grace: NodeJS.Timeout;
  private readonly news = new Set<number>();
  private begun = false;
  private reading: Promise<void> | undefined;
  private stopped = false;

  constructor(context: PostgresContext, topic: Topic, state: FollowedState, loaded: boolean) {
    this.context = context;
    this.topic = topic;
    this.topics = [topic];
    this.state = state;
    this.loaded = loaded;
    // A stop before the first state is not an error of anybody who never asked.
    this.ready.promise.catch(() => {});
    this.grace = setTimeout(() => {
      if (loaded) this.ready.resolve();
    }, SNAPSHOT_GRACE_MS);
  }

  begin(_session: LogSession): void {
    this.begun = false;
  }

  failed(error: unknown): void {
    this.problem = error instanceof Error ? error.message : String(error);
    if (this.loaded) this.ready.resolve();
  }

  wake(_topic: Topic, partition: number | null): void {
    if (partition !== null && this.begun) this.news.add(partition);
    this.read();
  }

  look(logs: readonly PartitionLog[]): void {
    if (logs.length === 0) {
      this.failed(
        new BusError('topic-missing', `the embedded bus has no topic ${this.topic}: set it up anew`),
      );
      return;
    }
    if (!this.begun) {
      clearTimeout(this.grace);
      const { recreated } = this.state.begin(logs);
      if (recreated) {
        this.context.logger.warn({ topic: this.topic }, 'the topic was made anew; reading all of it');
      }
      this.begun = true;
      this.problem = 'reading the state';
      this.caughtUp();
    }
    for (const { partition, high } of logs) {
      if ((this.state.nextOffset(partition) ?? 0n) < high) this.news.add(partition);
    }
    if (this.news.size === 0) this.caughtUp();
    this.read();
  }

  /** Of a follower there are no groups. */
  rebalance(): void {}

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.grace);
    await this.reading;
    this.problem = 'stopped';
    this.ready.reject(
      new BusError('closed', `following ${this.topic} was stopped before its state was known`),
    );
  }

  private read(): void {
    this.reading ??= this.keepReading().finally(() => {
      this.reading = undefined;
    });
  }

  private async keepReading(): Promise<void> {
    for (;;) {
      const [partition] = this.news;
      if (partition === undefined || this.stopped) return;
      this.news.delete(partition);
      try {
        if (await this.readOnce(partition)) this.news.add(partition);
        this.caughtUp();
      } catch (error) {
        // The next look, a second later at most, finds again what is missing.
        const explained = explain(error);
        this.failed(explained);
        this.context.logger.warn(
          { err: explained, topic: this.topic },
          'following was interrupted and goes on',
        );
        return;
      }
    }
  }

  /** @returns whether there is more */
  private async readOnce(partition: number): Promise<boolean> {
    const from = this.state.nextOffset(partition) ?? 0n;
    const page = await readPage(this.context.pool, this.topic, partition, from, PAGE);
    // The log was begun anew meanwhile: what was read belongs to another one.
    if (this.state.nextOffset(partition) !== from) return true;
    for (const { key, value } of page.messages) this.state.message(key, value);
    this.state.readUpTo(partition, page.next);
    return page.full;
  }

  private caughtUp(): void {
    if (!this.state.caughtUp()) return;
    this.problem = null;
    this.ready.resolve();
  }
}

async function loadSnapshot(
  context: PostgresContext,
  state: FollowedState,
  { topic, snapshotFile }: FollowOptions,
): Promise<boolean> {
  if (snapshotFile === undefined) return false;
  try {
    const snapshot = await readSnapshot(snapshotFile);
    if (snapshot === null || snapshot.topic !== topic) return false;
    state.load(snapshot);
    return true;
  } catch (error) {
    context.logger.warn(
      { err: error, file: snapshotFile },
      'the snapshot can not be used; the whole topic is read',
    );
    return false;
  }
}
