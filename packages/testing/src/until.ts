import { setTimeout as sleep } from 'node:timers/promises';
import { TestingError } from './errors.ts';

export type UntilOptions = {
  readonly timeoutMs: number;
  /** Pause between two looks; 20 ms unless given. */
  readonly intervalMs?: number;
  /** What is waited for, and how things stand, for the message when it does not come. */
  readonly describe?: string | (() => string);
};

const DEFAULT_INTERVAL_MS = 20;

/**
 * Looks again and again until the condition is truthy, and returns that value. A condition that throws is not met yet.
 * Throws `not_in_time` at the deadline, with the last error as its cause.
 */
export async function until<T>(
  condition: () => T | Promise<T>,
  options: UntilOptions,
): Promise<Exclude<T, false | null | undefined | 0 | ''>> {
  const deadline = performance.now() + options.timeoutMs;
  let lastError: unknown;
  for (;;) {
    try {
      const value = await condition();
      if (isMet(value)) return value;
      lastError = undefined;
    } catch (error) {
      lastError = error;
    }
    if (performance.now() >= deadline) throw notInTime(options, lastError);
    await sleep(options.intervalMs ?? DEFAULT_INTERVAL_MS);
  }
}

function isMet<T>(value: T): value is Exclude<T, false | null | undefined | 0 | ''> {
  return Boolean(value);
}

function notInTime(options: UntilOptions, cause: unknown): TestingError {
  const { describe = 'the condition was not met' } = options;
  const what = typeof describe === 'string' ? describe : describe();
  const because = cause instanceof Error ? `: ${cause.message}` : '';
  return new TestingError('not_in_time', `after ${options.timeoutMs} ms: ${what}${because}`, { cause });
}
