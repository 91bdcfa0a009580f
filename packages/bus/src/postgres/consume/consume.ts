import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsumeOptions, Publisher, Running } from '../../bus.ts';
import { DeadLetterWriter } from '../../consume/dead-letter-writer.ts';
import { ConsumeProgress } from '../../consume/progress.ts';
import type { PostgresContext } from '../context.ts';
import type { LogWatch } from '../watch.ts';
import { GroupMember } from './group-member.ts';
import { noteProgress } from './group-progress.ts';
import { Turns } from './turns.ts';

const DEFAULT_MAX_BATCH = 2_000;
/** How many partitions are handled at once, each by a connection of the service's pool. */
const PARTITIONS_AT_ONCE = 4;
const STUCK_AFTER_MS = 30_000;
const WATCH_EVERY_MS = 5_000;
const STOP_DEADLINE_MS = 20_000;

/** Starts a member of the group; it goes on joining until it is stopped, so the database may come later. */
export function startConsuming<T>(
  context: PostgresContext,
  watch: LogWatch,
  options: ConsumeOptions<T>,
  deadLetterPublisher: Publisher,
): Running {
  const { group } = options;
  const progress = new ConsumeProgress(context.nowMs, STUCK_AFTER_MS);
  const stopping = new AbortController();
  const deadLetters = new DeadLetterWriter(deadLetterPublisher, context.nowMs, (letter) => {
    const { topic, partition, offset } = letter.message;
    context.metrics?.deadLetters.inc({ group, topic });
    context.logger.error(
      { group, topic, partition, offset, error: letter.error },
      'a message can not be read; it was put into the dead-letter topic',
    );
  });
  const member = new GroupMember<T>({
    context,
    topics: options.topics,
    handler: { pool: options.pool, group, parse: options.parse, handle: options.handle, deadLetters },
    progress,
    turns: new Turns(PARTITIONS_AT_ONCE),
    maxBatch: options.maxBatch ?? DEFAULT_MAX_BATCH,
  });
  const unwatch = watch.add(member);
  const noted = new Map<string, bigint>();

  /** Tells the bus of our progress, the metrics of the lag, and the member of what no error tells. */
  async function supervise(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(WATCH_EVERY_MS, undefined, { signal: stopping.signal }).catch(() => {});
      for (const [topic, lag] of progress.lag()) context.metrics?.lag.set({ group, topic }, lag);
      const stuck = progress.stuck();
      if (stuck !== null && member.isJoined() && !stopping.signal.aborted) {
        context.logger.error({ group }, `the consumer is stuck and claims its partitions anew: ${stuck}`);
        member.rejoin(stuck);
      }
      await note();
    }
  }

  async function note(): Promise<void> {
    const positions = member.positions();
    const moved = positions.filter(
      ({ topic, partition, next }) => noted.get(`${topic}/${partition}`) !== next,
    );
    try {
      await noteProgress(context.pool, group, moved);
      for (const { topic, partition, next } of moved) noted.set(`${topic}/${partition}`, next);
    } catch (error) {
      context.logger.debug({ err: error, group }, 'the bus did not note the positions');
    }
  }

  const supervising = supervise();

  return {
    trouble() {
      if (stopping.signal.aborted) return 'stopped';
      const trouble = progress.trouble();
      if (member.isJoined()) return trouble === null ? null : `${group}: ${trouble}`;
      const failure = member.lastFailure();
      return `${group}: not in its group yet${failure === null ? '' : `: ${failure}`}${trouble === null ? '' : `; ${trouble}`}`;
    },
    async stop() {
      stopping.abort();
      const stopped = Promise.all([supervising, member.stop()]);
      await Promise.race([stopped, sleep(STOP_DEADLINE_MS, undefined, { ref: false })]);
      unwatch();
    },
  };
}
