import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Follower, FollowOptions } from '../../bus.ts';
import { BusError } from '../../errors.ts';
import { FollowedState } from '../../follow/followed-state.ts';
import { readSnapshot } from '../../follow/snapshot.ts';
import { SnapshotWriter } from '../../follow/snapshot-writer.ts';
import { unlessAborted } from '../connection/abandon.ts';
import { createKafkaClient } from '../connection/client.ts';
import type { KafkaContext } from '../connection/context.ts';
import { readLogs } from '../consume/positions.ts';
import { groupName, topicName } from '../topics/topic-names.ts';

const SESSION_TIMEOUT_MS = 10_000;
const HEARTBEAT_INTERVAL_MS = 2_000;
/** How long the broker holds a fetch when there is nothing; it answers at once when there is. */
const FETCH_MAX_WAIT_MS = 300;
const FETCH_MAX_PARTITION_BYTES = 4 * 1024 * 1024;
/** With a snapshot at hand, this is how long a broker is waited for that neither answers nor refuses. */
const SNAPSHOT_GRACE_MS = 3_000;
const SILENT_AFTER_MS = 15_000;
const WATCH_EVERY_MS = 1_000;
const FIRST_REJOIN_MS = 200;
const MAX_REJOIN_MS = 3_000;

/**
 * Follows a state topic. kafkajs can't read without a group, so each follower has one of its own, commits nothing to
 * it, and leaves it behind empty; the broker removes it. Where to read on is in memory, and in the snapshot.
 */
export async function startFollowing(context: KafkaContext, options: FollowOptions): Promise<Follower> {
  const name = topicName(context.config, options.topic);
  const state = new FollowedState(name, options.apply);
  const stopping = new AbortController();
  const ready = Promise.withResolvers<void>();
  // A stop before the first state is not an error of anybody who never asked.
  ready.promise.catch(() => {});
  let problem: string | null = 'not connected yet';

  const loaded = await loadSnapshot(context, state, name, options.snapshotFile);
  const writer =
    options.snapshotFile === undefined ? null : new SnapshotWriter(options.snapshotFile, state, context);
  const grace = setTimeout(() => {
    if (loaded) ready.resolve();
  }, SNAPSHOT_GRACE_MS);

  function caughtUp(): void {
    if (!state.caughtUp()) return;
    problem = null;
    ready.resolve();
  }

  /** One membership, from joining to its end. Throws what ended it, unless that was `stop`. */
  async function session(): Promise<void> {
    const logs = await unlessAborted(readLogs(context, [name]), stopping.signal);
    if (logs.length === 0)
      throw new BusError('topic-missing', `topic ${name} is not there: run \`tollgate topics init\``);
    clearTimeout(grace);
    const { recreated } = state.begin(logs);
    if (recreated) context.logger.warn({ topic: name }, 'the topic was made anew; reading all of it');
    problem = 'reading the state';
    caughtUp();

    const consumer = createKafkaClient(context.config, context.clientId, context.logger).consumer({
      groupId: groupName(context.config, `follow.${options.topic}.${randomUUID()}`),
      sessionTimeout: SESSION_TIMEOUT_MS,
      heartbeatInterval: HEARTBEAT_INTERVAL_MS,
      minBytes: 1,
      maxWaitTimeInMs: FETCH_MAX_WAIT_MS,
      maxBytesPerPartition: FETCH_MAX_PARTITION_BYTES,
      allowAutoTopicCreation: false,
      retry: { retries: 5, restartOnFailure: async () => false },
    });
    const crashed = Promise.withResolvers<Error>();
    let fetchedMs = context.nowMs();
    consumer.on(consumer.events.CRASH, ({ payload }) => crashed.resolve(payload.error));
    consumer.on(consumer.events.FETCH, () => {
      fetchedMs = context.nowMs();
    });
    // In the moment of joining, before the first fetch; again after each rebalance.
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      for (const partition of payload.memberAssignment[name] ?? []) {
        consumer.seek({ topic: name, partition, offset: String(state.nextOffset(partition) ?? 0n) });
      }
    });
    try {
      await unlessAborted(consumer.connect(), stopping.signal, () => {
        void consumer.disconnect().catch(() => {});
      });
      await consumer.subscribe({ topic: name, fromBeginning: true });
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: async ({ batch, resolveOffset, isStale }) => {
          if (stopping.signal.aborted || isStale()) return;
          for (const message of batch.messages) {
            state.message(message.key?.toString('utf8') ?? null, message.value);
          }
          resolveOffset(batch.lastOffset());
          state.readUpTo(batch.partition, BigInt(batch.lastOffset()) + 1n);
          caughtUp();
        },
      });
      while (!stopping.signal.aborted) {
        const failure = await Promise.race([crashed.promise, pause(WATCH_EVERY_MS)]);
        if (failure instanceof Error) throw failure;
        if (context.nowMs() - fetchedMs > SILENT_AFTER_MS) {
          throw new BusError('broker-unreachable', `nothing was read for ${SILENT_AFTER_MS / 1000} s`);
        }
      }
    } finally {
      await consumer.disconnect().catch(() => {});
    }
  }

  async function keepFollowing(): Promise<void> {
    let waitMs = FIRST_REJOIN_MS;
    while (!stopping.signal.aborted) {
      const startedMs = context.nowMs();
      try {
        await session();
      } catch (error) {
        problem = error instanceof Error ? error.message : String(error);
        if (loaded) ready.resolve();
        if (!stopping.signal.aborted) {
          context.logger.warn({ err: error, topic: name }, 'following was interrupted and goes on');
        }
      }
      waitMs =
        context.nowMs() - startedMs > SILENT_AFTER_MS ? FIRST_REJOIN_MS : Math.min(waitMs * 2, MAX_REJOIN_MS);
      await pause(waitMs);
    }
  }

  async function pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: stopping.signal }).catch(() => {});
  }

  const running = keepFollowing();

  return {
    ready: ready.promise,
    caughtUp: () => state.caughtUp(),
    trouble: () => (problem === null ? null : `following ${name}: ${problem}`),
    async stop() {
      if (stopping.signal.aborted) return running;
      stopping.abort();
      clearTimeout(grace);
      await running;
      problem = 'stopped';
      ready.reject(new BusError('closed', `following ${name} was stopped before its state was known`));
      await writer?.stop();
    },
  };
}

async function loadSnapshot(
  context: KafkaContext,
  state: FollowedState,
  name: string,
  file: string | undefined,
): Promise<boolean> {
  if (file === undefined) return false;
  try {
    const snapshot = await readSnapshot(file);
    if (snapshot === null || snapshot.topic !== name) return false;
    state.load(snapshot);
    return true;
  } catch (error) {
    context.logger.warn({ err: error, file }, 'the snapshot can not be used; the whole topic is read');
    return false;
  }
}
