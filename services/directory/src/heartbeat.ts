import type { Publisher } from '@tollgate/bus';
import type { Pool } from '@tollgate/database';
import { serializeEvent } from '@tollgate/events';
import type { Logger } from '@tollgate/telemetry';
import type { IdSource } from './ids.ts';

export const HEARTBEAT_INTERVAL_MS = 1_000;
/** After one that could not be said. */
const RETRY_MS = 250;
/** So many heartbeats may find the same event at the head of the outbox before it counts as stuck. */
const STUCK_AFTER_BEATS = 3;
/** A heartbeat is not said if the database has not answered by then. */
const DATABASE_TIMEOUT_MS = 2_000;

export type HeartbeatOptions = {
  readonly pool: Pool;
  readonly publisher: Publisher;
  readonly ids: IdSource;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly logger: Logger;
  readonly intervalMs?: number;
};

export type Heartbeat = {
  /** Why the last one was not said, or null. */
  trouble(): string | null;
  /** Ends after the one that is under way. */
  stop(): Promise<void>;
};

/**
 * Says every second that the directory is well, as long as its database answers and its changes get out: followers
 * judge by it how old their state may be, so it must not be said while a revocation waits. Never two at once; one that
 * could not be said is not made up for.
 */
export function startHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { publisher, logger, intervalMs = HEARTBEAT_INTERVAL_MS } = options;
  let trouble: string | null = 'no heartbeat yet';
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let head: bigint | null = null;
  let waited = 0;
  let running: Promise<void> = Promise.resolve();

  const beat = async () => {
    try {
      const { source, oldest } = await outboxState(options.pool);
      waited = oldest !== null && oldest === head ? waited + 1 : 0;
      head = oldest;
      if (waited >= STUCK_AFTER_BEATS) throw new Error('changes wait to be published');
      const at = new Date(options.now()).toISOString();
      const draft = {
        type: 'tollgate.directory.heartbeat.v1' as const,
        id: options.ids.uuid(),
        subject: 'directory',
        time: at,
        data: { at },
      };
      await publisher.publish([
        { topic: 'directory', key: 'heartbeat', value: serializeEvent(draft, source, null) },
      ]);
      if (trouble !== null) logger.info('the directory says that it is well');
      trouble = null;
    } catch (error) {
      if (trouble === null) logger.warn({ err: error }, 'the heartbeat could not be said');
      trouble = 'the heartbeat can not be said: the database or the bus does not answer, or changes wait';
    }
    const pauseMs = trouble === null ? intervalMs : Math.min(intervalMs, RETRY_MS);
    if (!stopped) timer = setTimeout(next, pauseMs);
  };
  const next = () => {
    running = beat();
  };
  next();
  return {
    trouble: () => trouble,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}

/** The source that the outbox numbers its events under, and the oldest event that waits in it. */
async function outboxState(pool: Pool): Promise<{ source: string; oldest: bigint | null }> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the database did not answer in time')), DATABASE_TIMEOUT_MS);
  });
  const answer = pool.query<{ source: string; oldest: bigint | null }>(
    `SELECT '/services/' || service || '/' || epoch AS source, (SELECT min(id) FROM outbox) AS oldest
     FROM outbox_source`,
  );
  // Should it fail after the deadline, nobody is left to hear of it.
  answer.catch(() => {});
  try {
    const state = (await Promise.race([answer, late])).rows[0];
    if (state === undefined) throw new Error('the outbox has not begun its epoch yet');
    return state;
  } finally {
    clearTimeout(timer);
  }
}
