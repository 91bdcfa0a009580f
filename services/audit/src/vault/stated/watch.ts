import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '@tollgate/telemetry';
import { holdAgainst, type StatedParts } from './hold-against.ts';
import { settleAwaited } from './settle.ts';

/** Pause when everything that is indexed is counted: batches of payloads arrive within it, and are never awaited. */
const IDLE_MS = 2_000;
const BACK_OFF_MS = 5_000;

/** Holds what is stated of payloads against the vault, again and again, until it is stopped. */
export function startStatedWatch(
  parts: StatedParts & { readonly logger: Logger; readonly idleMs?: number },
): {
  stop(): Promise<void>;
} {
  const { logger, idleMs = IDLE_MS } = parts;
  const stopping = new AbortController();
  const pause = (ms: number) => sleep(ms, undefined, { signal: stopping.signal }).catch(() => {});

  async function run(): Promise<void> {
    let after = -1;
    while (!stopping.signal.aborted) {
      try {
        const looked = await holdAgainst(parts);
        after = await settleAwaited(parts, after);
        if (looked === 0) await pause(idleMs);
      } catch (error) {
        if (stopping.signal.aborted) return;
        logger.error({ err: error }, 'stated payloads can not be held against the vault; will try again');
        await pause(BACK_OFF_MS);
      }
    }
  }

  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
