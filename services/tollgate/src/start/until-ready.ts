import { setTimeout as sleep } from 'node:timers/promises';
import { StartError } from './errors.ts';

const READY_TIMEOUT_MS = 60_000;
const ANSWER_TIMEOUT_MS = 5_000;
const POLL_MS = 20;

/** @throws StartError `not-ready` with what the service lacks */
export async function untilReady(name: string, url: string, signal: AbortSignal): Promise<void> {
  const deadlineMs = performance.now() + READY_TIMEOUT_MS;
  for (;;) {
    const lacking = await lackOf(url);
    if (lacking === null) return;
    if (performance.now() > deadlineMs) {
      throw new StartError(
        'not-ready',
        `${name} is not ready after ${READY_TIMEOUT_MS / 1000} s: ${lacking}`,
      );
    }
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** What `/readyz` says is missing; null when nothing is. */
async function lackOf(url: string): Promise<string | null> {
  const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
  const text = await response.text();
  return response.ok ? null : text.slice(0, 500);
}
