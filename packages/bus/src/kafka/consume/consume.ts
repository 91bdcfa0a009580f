import { setTimeout as sleep } from 'node:timers/promises';
import type { ConsumeOptions, Publisher, Running } from '../../bus.ts';
import { DeadLetterWriter } from '../../consume/dead-letter-writer.ts';
import { ConsumeProgress } from '../../consume/progress.ts';
import { BusError } from '../../errors.ts';
import { withAdmin } from '../connection/admin.ts';
import type { KafkaContext } from '../connection/context.ts';
import { isUnknownTopic } from '../publish/partition-counts.ts';
import { groupName, topicName, topicOfName } from '../topics/topic-names.ts';
import { ConsumeSession, type ConsumeTuning } from './session.ts';

const DEFAULT_MAX_BATCH = 2_000;
const STUCK_AFTER_MS = 30_000;
const WATCH_EVERY_MS = 10_000;
const FIRST_REJOIN_MS = 200;
const MAX_REJOIN_MS = 5_000;
const STOP_DEADLINE_MS = 20_000;

/** Starts a member of the group; it goes on joining until it is stopped, so a broker may come later. */
export function startConsuming<T>(
  context: KafkaContext,
  options: ConsumeOptions<T>,
  deadLetterPublisher: Publisher,
  tuning: ConsumeTuning,
): Running {
  const group = groupName(context.config, options.group);
  const names = options.topics.map((topic) => topicName(context.config, topic));
  const progress = new ConsumeProgress(context.nowMs, STUCK_AFTER_MS);
  const stopping = new AbortController();
  let session: ConsumeSession<T> | undefined;
  let lastFailure: string | null = null;

  const deadLetters = new DeadLetterWriter(deadLetterPublisher, context.nowMs, (letter) => {
    const { topic, partition, offset } = letter.message;
    context.metrics?.deadLetters.inc({ group, topic });
    context.logger.error(
      { group, topic: letter.name, partition, offset, error: letter.error },
      'a message can not be read; it was put into the dead-letter topic',
    );
  });

  async function keepRunning(): Promise<void> {
    for (let failures = 0; !stopping.signal.aborted; ) {
      session = new ConsumeSession({
        context,
        handler: {
          pool: options.pool,
          group,
          parse: options.parse,
          handle: options.handle,
          deadLetters,
        },
        progress,
        tuning,
        maxBatch: options.maxBatch ?? DEFAULT_MAX_BATCH,
      });
      const started = context.nowMs();
      try {
        await session.run(names);
      } catch (error) {
        if (!(error instanceof BusError && error.code === 'closed')) {
          lastFailure = describe(error);
          context.logger.warn({ err: error, group }, 'the consumer left its group and will join again');
        }
      }
      if (stopping.signal.aborted) return;
      failures = context.nowMs() - started > STUCK_AFTER_MS ? 0 : failures + 1;
      const ms = Math.min(FIRST_REJOIN_MS * 2 ** failures, MAX_REJOIN_MS);
      await sleep(ms, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }

  /** Asks how long the logs are: a consumer that hangs would not learn it from its own fetches. */
  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      await sleep(WATCH_EVERY_MS, undefined, { signal: stopping.signal }).catch(() => {});
      if (stopping.signal.aborted) return;
      await withAdmin(context, async (admin) => {
        for (const name of names) {
          for (const { partition, high } of await admin.fetchTopicOffsets(name)) {
            progress.ends(name, partition, BigInt(high));
          }
        }
      }).catch((error: unknown) => context.logger.debug({ err: error, group }, 'the lag is not known'));
      for (const [name, lag] of progress.lag()) {
        context.metrics?.lag.set({ group, topic: topicOfName(context.config, name) ?? name }, lag);
      }
      const stuck = progress.stuck();
      if (stuck !== null && session?.isJoined() === true) {
        context.logger.error({ group }, `the consumer is stuck and joins anew: ${stuck}`);
        lastFailure = stuck;
        session.end();
      }
    }
  }

  const watching = watch();
  const running = keepRunning();

  return {
    trouble() {
      if (stopping.signal.aborted) return 'stopped';
      const trouble = progress.trouble();
      if (session?.isJoined() === true) return trouble === null ? null : `${group}: ${trouble}`;
      return `${group}: not in its group yet${lastFailure === null ? '' : `: ${lastFailure}`}${trouble === null ? '' : `; ${trouble}`}`;
    },
    async stop() {
      stopping.abort();
      session?.end();
      await Promise.race([
        Promise.all([running, watching]),
        sleep(STOP_DEADLINE_MS, undefined, { ref: false }),
      ]);
    },
  };
}

function describe(error: unknown): string {
  if (isUnknownTopic(error)) return 'a topic is missing: run `tollgate topics init`';
  return error instanceof Error ? error.message : String(error);
}
