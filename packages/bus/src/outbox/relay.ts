import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  acquireAdvisoryLock,
  type ConnectionOptions,
  listen,
  type Pool,
  transaction,
} from '@tollgate/database';
import { type EventDraft, serializeEvent, uuidV7 } from '@tollgate/events';
import type { Counter, Logger, Metrics } from '@tollgate/telemetry';
import type { Publisher, Running } from '../bus.ts';
import {
  beginEpoch,
  deleteNumbered,
  type NumberedBatch,
  numberNext,
  readNumbered,
  SOURCE_KEY,
  settle,
} from './numbering.ts';
import { readSourceState, type SourceState, signProgress } from './source-state.ts';

export type OutboxRelayOptions = {
  /** The service's pool: its role's search path leads to its schema. */
  readonly pool: Pool;
  /** The same database, for the connections of its own that the relay keeps (lock and notifications). */
  readonly connection: ConnectionOptions;
  /** The service's name, as in `/services/<service>/<epoch>`; letters, digits, dot, dash and underscore. */
  readonly service: string;
  /** Used by the relay alone. */
  readonly publisher: Publisher;
  readonly logger: Logger;
  readonly metrics?: Metrics;
  /** Stated in the epoch's first event. */
  readonly softwareVersion?: string;
  readonly clock?: { now(): number };
  readonly heartbeatEveryMs?: number;
};

const HEARTBEAT_EVERY_MS = 5_000;
/** Notifications come first; this finds what they missed. */
const POLL_EVERY_MS = 1_000;
const MAX_BATCH = 1_000;
const FIRST_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;
const STOP_DEADLINE_MS = 20_000;

/**
 * Publishes a schema's outbox: of all replicas that run it, one leads at a time. Events are numbered, made durable,
 * published, and deleted once acknowledged, in batches; a leader that dies in between is followed by one that sends
 * the same bytes again. Says how far the source has come every five seconds, signed.
 */
export function startOutboxRelay(options: OutboxRelayOptions): Running {
  const relay = new OutboxRelay(options);
  const running = relay.run();
  return {
    trouble: () => relay.trouble(),
    async stop() {
      relay.end();
      await Promise.race([running, sleep(STOP_DEADLINE_MS, undefined, { ref: false })]);
    },
  };
}

class OutboxRelay {
  private readonly options: OutboxRelayOptions;
  private readonly nowMs: () => number;
  private readonly heartbeatEveryMs: number;
  private readonly published: Counter | undefined;
  private readonly stopping = new AbortController();
  private wake = Promise.withResolvers<void>();
  private problem: string | null = null;
  /** Where the clock of heartbeats stands; the first one is due at once. */
  private heartbeatMs = Number.NEGATIVE_INFINITY;

  constructor(options: OutboxRelayOptions) {
    this.options = options;
    this.nowMs = () => options.clock?.now() ?? Date.now();
    this.heartbeatEveryMs = options.heartbeatEveryMs ?? HEARTBEAT_EVERY_MS;
    this.published = options.metrics?.counter({
      name: 'tollgate_outbox_published_events_total',
      help: 'Events of the outbox that the broker has acknowledged.',
    });
  }

  trouble(): string | null {
    return this.problem === null ? null : `outbox of ${this.options.service}: ${this.problem}`;
  }

  end(): void {
    this.stopping.abort();
    this.wake.resolve();
  }

  async run(): Promise<void> {
    const { connection, service, logger } = this.options;
    while (!this.stopping.signal.aborted) {
      try {
        const lock = await acquireAdvisoryLock({
          ...connection,
          key: `outbox.${service}`,
          signal: this.stopping.signal,
          logger,
          onLost: (cause) => {
            logger.warn({ err: cause, service }, 'the outbox relay lost its lead');
            this.wake.resolve();
          },
        });
        try {
          await this.lead(lock.ended);
        } finally {
          await lock.release();
        }
      } catch (error) {
        if (!this.stopping.signal.aborted) logger.error({ err: error, service }, 'the outbox relay failed');
        await this.pause(FIRST_RETRY_MS);
      }
    }
    this.problem = 'stopped';
  }

  private async lead(lost: AbortSignal): Promise<void> {
    const over = () => lost.aborted || this.stopping.signal.aborted;
    const listener = listen({
      ...this.options.connection,
      channel: await this.channel(over),
      onNotify: () => this.wake.resolve(),
      logger: this.options.logger,
    });
    try {
      const { pool } = this.options;
      // A source's first event goes first.
      let first = true;
      /** What the broker has, and the outbox still holds. */
      let published: NumberedBatch | null = null;
      for (let failures = 0; !over(); ) {
        try {
          while (first) first = await this.publishNumbered();
          const batch: NumberedBatch = await numberNext(pool, MAX_BATCH, published);
          published = null;
          if (batch.events.length > 0) {
            await this.publish(batch);
            published = batch;
          }
          failures = 0;
          this.problem = null;
          await this.heartbeatIfDue();
          // Whoever has published looks for more, which is also how the outbox lets go of what is published.
          if (published === null) await this.waitForWork();
        } catch (error) {
          failures += 1;
          this.problem = error instanceof Error ? error.message : String(error);
          this.options.logger.warn(
            { err: error, service: this.options.service, failures },
            'events of the outbox wait',
          );
          await this.pause(Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), MAX_RETRY_MS));
        }
      }
      // Else the next leader would publish it once more.
      if (published !== null && !lost.aborted) await settle(pool, published);
    } finally {
      await listener.close();
    }
  }

  /** The schema's own channel; the epoch is begun on the way. */
  private async channel(over: () => boolean): Promise<string> {
    for (let failures = 1; ; failures += 1) {
      try {
        await beginEpoch(this.options.pool, this.options.service, randomUUID(), (state) =>
          this.startedEvent(state),
        );
        const { rows } = await this.options.pool.query<{ channel: string }>(
          "SELECT 'tollgate_outbox_' || current_schema() AS channel",
        );
        return rows[0]?.channel ?? 'tollgate_outbox';
      } catch (error) {
        if (over()) throw error;
        this.problem = error instanceof Error ? error.message : String(error);
        await this.pause(Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), MAX_RETRY_MS));
      }
    }
  }

  /** @returns whether there may be more of them */
  private async publishNumbered(): Promise<boolean> {
    const batch = await readNumbered(this.options.pool, MAX_BATCH);
    if (batch.events.length === 0) return false;
    await this.publish(batch);
    await deleteNumbered(this.options.pool, batch);
    return true;
  }

  private async publish({ events }: NumberedBatch): Promise<void> {
    await this.options.publisher.publish(
      events.map(({ topic, key, bytes }) => ({ topic, key, value: bytes })),
    );
    this.published?.inc(events.length);
  }

  private async waitForWork(): Promise<void> {
    const timer = new AbortController();
    await Promise.race([
      this.wake.promise,
      sleep(POLL_EVERY_MS, undefined, { signal: timer.signal }).catch(() => {}),
    ]);
    timer.abort();
    this.wake = Promise.withResolvers<void>();
    if (this.stopping.signal.aborted) this.wake.resolve();
  }

  private async heartbeatIfDue(): Promise<void> {
    const nowMs = this.nowMs();
    if (nowMs - this.heartbeatMs < this.heartbeatEveryMs) return;
    this.heartbeatMs = nowMs;
    const state = await transaction(this.options.pool, readSourceState, { readOnly: true });
    if (state === null) return;
    const value = serializeEvent(
      {
        type: 'tollgate.source.heartbeat.v1',
        id: uuidV7(nowMs, randomBytes(16)),
        subject: state.source,
        time: new Date(nowMs).toISOString(),
        data: {
          instance: this.options.service,
          through: state.through,
          counts: state.counts,
          chain: state.chain.toString('hex'),
          signature: signProgress(state),
        },
      },
      state.source,
      null,
    );
    await this.options.publisher.publish([{ topic: 'sources', key: SOURCE_KEY, value }]);
  }

  private startedEvent(state: SourceState): EventDraft<'tollgate.source.started.v1'> {
    const nowMs = this.nowMs();
    return {
      type: 'tollgate.source.started.v1',
      id: uuidV7(nowMs, randomBytes(16)),
      subject: state.source,
      time: new Date(nowMs).toISOString(),
      data: {
        instance: this.options.service,
        public_key: state.publicKey,
        software_version: this.options.softwareVersion ?? 'unknown',
        previous: [],
      },
    };
  }

  private async pause(ms: number): Promise<void> {
    await sleep(ms, undefined, { signal: this.stopping.signal }).catch(() => {});
  }
}
