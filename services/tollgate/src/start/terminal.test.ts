import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Terminal } from './terminal.ts';

const LOST = { level: 'warn', service: 'audit', message: 'connection lost' };
const A_MINUTE_MS = 60_000;

let screen: PassThrough;
let terminal: Terminal;
const shown = () => String(screen.read() ?? '');

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubEnv('NO_COLOR', '1');
  screen = new PassThrough();
  terminal = new Terminal(screen);
  terminal.live(true);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllEnvs();
});

test('a step is shown once it is done, with how long it took and what it came to', async () => {
  const step = terminal.step(
    'Postgres',
    () => Promise.resolve(18),
    (version) => `version ${version}`,
  );
  expect(await step).toBe(18);
  expect(shown()).toBe('  ✓ Postgres     0.0 s  version 18\n');
});

test('a notice is shown after a moment, and the same one not again for a while', () => {
  terminal.notice(LOST);
  terminal.notice(LOST);
  terminal.notice({ ...LOST, service: 'budgets' });
  vi.advanceTimersByTime(1_000);
  expect(shown()).toBe('  ! audit: connection lost\n  ! budgets: connection lost\n');
  vi.advanceTimersByTime(A_MINUTE_MS);
  terminal.notice(LOST);
  vi.advanceTimersByTime(1_000);
  expect(shown()).toBe('  ! audit: connection lost\n');
});

test('what is said just before its cause is known is not shown, nor what comes while it is', () => {
  terminal.notice(LOST);
  terminal.quiet(true);
  terminal.notice({ ...LOST, service: 'budgets' });
  vi.advanceTimersByTime(1_000);
  expect(shown()).toBe('');
});

test('what ends all is shown at once, whatever else is going on', () => {
  terminal.quiet(true);
  terminal.notice({ level: 'fatal', service: 'tollgate', message: 'tollgate failed and stops' });
  expect(shown()).toBe('  ✗ tollgate: tollgate failed and stops\n');
});

test('nothing is noticed while it starts or stops: the log has it', () => {
  terminal.live(false);
  terminal.notice({ level: 'fatal', service: 'tollgate', message: 'did not start' });
  vi.advanceTimersByTime(1_000);
  expect(shown()).toBe('');
});
