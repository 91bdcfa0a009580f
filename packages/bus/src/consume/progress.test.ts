import { beforeEach, describe, expect, it } from 'vitest';
import { ConsumeProgress } from './progress.ts';

const STUCK_AFTER_MS = 30_000;

describe("a consumer's progress", () => {
  let nowMs: number;
  let progress: ConsumeProgress;
  beforeEach(() => {
    nowMs = 1_000_000;
    progress = new ConsumeProgress(() => nowMs, STUCK_AFTER_MS);
    progress.assigned({ usage: [0, 1] });
    progress.committed('usage', 0, 10n);
    progress.committed('usage', 1, 10n);
  });

  function pass(ms: number, fetching = true): void {
    nowMs += ms;
    if (fetching) progress.fetched();
  }

  it('is no trouble at the end of the log, however long nothing happens', () => {
    progress.ends('usage', 0, 10n);
    pass(10 * STUCK_AFTER_MS);
    expect(progress.trouble()).toBeNull();
  });

  it('is trouble where there are messages and it has not moved for long', () => {
    progress.ends('usage', 0, 25n);
    pass(STUCK_AFTER_MS);
    expect(progress.trouble()).toBeNull();
    pass(1);
    expect(progress.trouble()).toMatch(/usage\/0 has messages from 10 to 25 and has not moved for 30 s/);
    progress.committed('usage', 0, 25n);
    expect(progress.trouble()).toBeNull();
  });

  it('counts from the message that came, not from the last that went', () => {
    progress.ends('usage', 0, 10n);
    pass(5 * STUCK_AFTER_MS);
    progress.ends('usage', 0, 11n);
    expect(progress.trouble()).toBeNull();
  });

  it('is trouble where the broker is no longer asked', () => {
    pass(STUCK_AFTER_MS + 1, false);
    expect(progress.trouble()).toMatch(/nothing has been asked of the broker for 30 s/);
  });

  it('says why a batch fails, and how often it did, until it succeeds', () => {
    expect(progress.failed('usage', 1, 'no table')).toBe(1);
    expect(progress.failed('usage', 1, 'no table')).toBe(2);
    expect(progress.trouble()).toBe('usage/1 failed 2 times at offset 10: no table');
    progress.committed('usage', 1, 12n);
    expect(progress.trouble()).toBeNull();
  });

  it('names what waits for a newer release before anything else, and does not call it stuck', () => {
    progress.failed('usage', 0, 'no table');
    progress.blocked('usage', 1, 'upgrade');
    progress.ends('usage', 1, 99n);
    expect(progress.trouble()).toBe('usage/1: upgrade');
    pass(2 * STUCK_AFTER_MS);
    expect(progress.stuck()).toBeNull();
  });

  it('adds up lag by topic', () => {
    progress.ends('usage', 0, 15n);
    progress.ends('usage', 1, 12n);
    expect(progress.lag()).toEqual(new Map([['usage', 7]]));
  });

  it('forgets partitions that were taken away', () => {
    progress.failed('usage', 1, 'no table');
    progress.assigned({ usage: [0] });
    expect(progress.trouble()).toBeNull();
    expect(progress.positions()).toEqual([]);
  });
});
