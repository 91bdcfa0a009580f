import type { Publisher } from '@tollgate/bus';
import type { Pool } from '@tollgate/database';
import { serializeEvent } from '@tollgate/events';
import type { Logger } from '@tollgate/telemetry';
import type { IdSource } from './ids.ts';

export const HEARTBEAT_INTERVAL_MS = 1_000;
/** After one that could not be said. */
const RETRY_MS = 250;
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
 * Says every second that the directory is well, as long as its database answers: followers judge by it how old their
 * state may be. Never two at once; one that could not be said is not made up for.
 */
export function startHeartbeat(options: HeartbeatOptions): Heartbeat {
  const { publisher, logger, intervalMs = HEARTBEAT_INTERVAL_MS } = options;
  let trouble: string | null = 'no heartbeat yet';
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let running: Promise<void> = Promise.resolve();

  const beat = async () => {
    try {
      const source = await ownSource(options.pool);
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
      trouble = 'the heartbeat can not be said: the database or the bus does not answer';
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

/** `/services/directory/<epoch>`, as the outbox numbers its events; asking for it shows that the database answers. */
async function ownSource(pool: Pool): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the database did not answer in time')), DATABASE_TIMEOUT_MS);
  });
  const answer = pool.query<{ source: string }>(
    "SELECT '/services/' || service || '/' || epoch AS source FROM outbox_source",
  );
  // Should it fail after the deadline, nobody is left to hear of it.
  answer.catch(() => {});
  try {
    const source = (await Promise.race([answer, late])).rows[0]?.source;
    if (source === undefined) throw new Error('the outbox has not begun its epoch yet');
    return source;
  } finally {
    clearTimeout(timer);
  }
}
