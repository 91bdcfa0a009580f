import { setTimeout as sleep } from 'node:timers/promises';
import { openPool } from '@tollgate/database';
import type { Topic } from '@tollgate/events';
import type { PartitionLog } from '../consume/position-plan.ts';
import type { PostgresContext } from './context.ts';
import { explain, readLogs } from './log.ts';
import { groupChannel, partitionOf, topicChannel } from './notifications.ts';
import { LogSession } from './session.ts';

/** A part of the bus that waits for messages. */
export type Watcher = {
  readonly topics: readonly Topic[];
  /** Of a consumer. */
  readonly group: string | null;
  /** A new connection; what was bound to the one before is void. */
  begin(session: LogSession): void;
  /** There is no connection, and why. */
  failed(error: unknown): void;
  /** Partitions of the topic have grown: one, or (null) any. */
  wake(topic: Topic, partition: number | null): void;
  /** How the logs of the topics stand: at the beginning of a connection, and every second. */
  look(logs: readonly PartitionLog[]): void;
  /** The group's members have changed, or their shares. */
  rebalance(): void;
};

/** Notifications come first; this finds what they missed, and members that died. */
const LOOK_EVERY_MS = 1_000;
/** A connection that does not answer for so long is given up. */
const ANSWER_TIMEOUT_MS = 5_000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 1_000;
/** The server drops a client's connection, and its locks, when its machine has been silent for 5 + 3 × 2 seconds. */
const KEEP_ALIVE = `SELECT set_config('tcp_keepalives_idle', '5', false),
  set_config('tcp_keepalives_interval', '2', false), set_config('tcp_keepalives_count', '3', false),
  pg_backend_pid() AS pid`;

/**
 * The one connection of a bus that listens, holds claims and looks at the logs; opened at the first watcher, and
 * anew whenever it is lost.
 */
export class LogWatch {
  private readonly context: PostgresContext;
  private readonly watchers = new Set<Watcher>();
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;
  private session: LogSession | undefined;
  /** Whether to look before the time comes. */
  private hurried = false;
  private endRest: () => void = () => {};
  private readonly heard = new Set<string>();

  constructor(context: PostgresContext) {
    this.context = context;
  }

  /** @returns ends the watching */
  add(watcher: Watcher): () => void {
    this.watchers.add(watcher);
    this.running ??= this.run();
    if (this.session !== undefined && !this.session.ended.aborted) {
      watcher.begin(this.session);
      this.hurry();
    }
    return () => void this.watchers.delete(watcher);
  }

  async stop(): Promise<void> {
    this.stopping.abort();
    this.hurry();
    await this.running;
  }

  private async run(): Promise<void> {
    for (let failures = 0; !this.stopping.signal.aborted; failures += 1) {
      try {
        await this.hold(() => {
          failures = 0;
        });
      } catch (error) {
        const explained = explain(error);
        for (const watcher of this.watchers) watcher.failed(explained);
        if (failures === 0) this.context.logger.warn({ err: explained }, 'the bus lost its connection');
      }
      const ms = Math.min(FIRST_RETRY_MS * 2 ** failures, MAX_RETRY_MS);
      await sleep(ms, undefined, { signal: this.stopping.signal }).catch(() => {});
    }
  }

  /** One connection, from its opening to its loss, which is thrown, or to `stop`. */
  private async hold(held: () => void): Promise<void> {
    const { url, applicationName, logger } = this.context;
    const pool = openPool({
      url,
      applicationName,
      maxConnections: 1,
      statementTimeoutMs: ANSWER_TIMEOUT_MS,
      logger,
    });
    const ended = new AbortController();
    try {
      const client = await pool.connect();
      const lose = (cause: Error) => {
        ended.abort(cause);
        this.hurry();
      };
      const onEnd = () => lose(new Error('the connection ended'));
      client.on('error', lose);
      client.on('end', onEnd);
      client.on('notification', ({ channel, payload }) => this.notified(channel, payload));
      try {
        const { rows } = await client.query<{ pid: number }>(KEEP_ALIVE);
        const session = new LogSession(rows[0]?.pid ?? 0, client, ended.signal);
        this.heard.clear();
        this.session = session;
        for (const watcher of this.watchers) watcher.begin(session);
        while (!this.stopping.signal.aborted) {
          await this.look(session);
          held();
          await this.rest();
          ended.signal.throwIfAborted();
        }
      } finally {
        client.removeListener('end', onEnd);
        client.release(true);
      }
    } finally {
      ended.abort();
      this.session = undefined;
      await pool.end();
    }
  }

  /** Listens to what is new, and tells each watcher how its logs stand. */
  private async look(session: LogSession): Promise<void> {
    const watchers = [...this.watchers];
    const channels = new Set(
      watchers.flatMap(({ topics, group }) => [
        ...topics.map(topicChannel),
        ...(group === null ? [] : [groupChannel(group)]),
      ]),
    );
    for (const channel of channels.difference(this.heard)) {
      // Letters, digits, dot, dash and underscore: see notifications.ts.
      await session.query({ text: `LISTEN "${channel}"` });
      this.heard.add(channel);
    }
    const topics = [...new Set(watchers.flatMap((watcher) => watcher.topics))];
    const logs = topics.length === 0 ? [] : await readLogs(session, topics);
    for (const watcher of watchers) {
      watcher.look(logs.filter((log) => watcher.topics.some((topic) => topic === log.topic)));
    }
  }

  private notified(channel: string, payload: string | undefined): void {
    for (const watcher of this.watchers) {
      if (watcher.group !== null && groupChannel(watcher.group) === channel) watcher.rebalance();
      for (const topic of watcher.topics) {
        if (topicChannel(topic) === channel) watcher.wake(topic, partitionOf(payload));
      }
    }
  }

  private hurry(): void {
    this.hurried = true;
    this.endRest();
  }

  /** Until it is time to look again. */
  private async rest(): Promise<void> {
    if (!this.hurried) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, LOOK_EVERY_MS);
        this.endRest = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.hurried = false;
  }
}
