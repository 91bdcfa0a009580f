import { setTimeout as sleep } from 'node:timers/promises';
import { type AdvisoryLock, type AdvisoryLockOptions, acquireAdvisoryLock } from '@tollgate/database';
import type { Logger } from '@tollgate/telemetry';
import { errorCode } from '../files/error-code.ts';
import { LogWriter, type StepResult, type WriterOptions } from './writer.ts';

export interface IntegratorOptions extends WriterOptions {
  /** How to reach the database for the lock that elects the leader; it needs a connection of its own. */
  readonly lock: Pick<AdvisoryLockOptions, 'url' | 'ssl'>;
  readonly logger: Logger;
  /** Nothing is placed before: heartbeats that nobody can verify yet would be taken for forged ones. */
  readonly ready?: Promise<void>;
  readonly onResult?: (result: StepResult) => void;
}

export interface Integrator {
  /** Finishes the batch in hand and gives leadership up. */
  stop(): Promise<void>;
  /** Something is about to be in the inbox. */
  hurry(): void;
  /** Whether this process writes the log just now. */
  leads(): boolean;
  /** Why the log does not move on although this process leads it; null when all is well. */
  trouble(): string | null;
}

/** Pause when the inbox is empty. Half of it is added to the way of an event, on average. */
const MIN_IDLE_MS = 50;
/** It grows to this while nothing comes; what another replica takes in may wait for so long. */
const MAX_IDLE_MS = 400;
const MIN_BACK_OFF_MS = 250;
const MAX_BACK_OFF_MS = 5_000;
const LOCK_KEY = 'audit.integrator';
/** SQLSTATE: unique violation. */
const UNIQUE_VIOLATION = '23505';

/** Writes the log whenever this process is the elected one, through failures of everything, until it is stopped. */
export function startIntegrator(options: IntegratorOptions): Integrator {
  const { logger } = options;
  const stopping = new AbortController();
  let lock: AdvisoryLock | null = null;
  let trouble: string | null = null;
  let idleMs = MIN_IDLE_MS;
  let pause = new AbortController();

  async function run(): Promise<void> {
    await Promise.race([options.ready, aborted(stopping.signal)]);
    while (!stopping.signal.aborted) {
      const held = await acquireAdvisoryLock({
        ...options.lock,
        applicationName: 'tollgate-audit-integrator',
        key: LOCK_KEY,
        signal: stopping.signal,
        logger,
        onLost: (cause) => logger.warn({ err: cause }, 'lost the lock of the log; another may take it'),
      });
      lock = held;
      try {
        await lead(held);
      } finally {
        lock = null;
        await held.release();
      }
    }
  }

  /** Epoch after epoch, as long as the lock is held. */
  async function lead(held: AdvisoryLock): Promise<void> {
    let backOffMs = MIN_BACK_OFF_MS;
    let suspectIds = false;
    while (!stopping.signal.aborted && !held.ended.aborted) {
      try {
        const writer = await LogWriter.begin(options, suspectIds);
        logger.info({ epoch: writer.epoch, size: writer.size }, 'writing the log');
        const over = AbortSignal.any([stopping.signal, held.ended]);
        for await (const result of writer.run(over)) {
          trouble = null;
          backOffMs = MIN_BACK_OFF_MS;
          options.onResult?.(result);
          if (result.rows > 0) idleMs = MIN_IDLE_MS;
          else await rest(over);
        }
      } catch (error) {
        // Whoever took over holds the lock, or will: ours is not worth what we believe.
        if (errorCode(error) === 'leadership_lost') return;
        trouble = `the log does not move on: ${messageOf(error)}`;
        suspectIds = errorCode(error) === UNIQUE_VIOLATION;
        if (suspectIds) continue;
        logger.error({ err: error }, 'an epoch of the log ended; will begin the next');
        await sleep(backOffMs, undefined, { signal: stopping.signal }).catch(() => {});
        backOffMs = Math.min(backOffMs * 2, MAX_BACK_OFF_MS);
      }
    }
    trouble = null;
  }

  async function rest(over: AbortSignal): Promise<void> {
    pause = new AbortController();
    const lastingMs = idleMs;
    idleMs = Math.min(idleMs * 2, MAX_IDLE_MS);
    const signal = AbortSignal.any([over, pause.signal]);
    await sleep(lastingMs, undefined, { signal }).catch(() => {});
  }

  const running = run().catch((error: unknown) => {
    // Only the signal's reason gets here.
    if (!stopping.signal.aborted) logger.error({ err: error }, 'the integrator ended');
  });

  return {
    async stop() {
      stopping.abort();
      await running;
    },
    hurry() {
      idleMs = MIN_IDLE_MS;
      pause.abort();
    },
    leads: () => lock !== null,
    trouble: () => trouble,
  };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

function messageOf(error: unknown): string {
  return errorCode(error) ?? (error instanceof Error ? error.name : 'unknown');
}
