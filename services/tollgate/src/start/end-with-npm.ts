const LOOK_EVERY_MS = 250;

/**
 * Ends this process, as a SIGTERM would, when the npm that started it is gone: npm passes signals on, but a SIGKILL it
 * can't, and nobody would know of what goes on running.
 */
export function endWithNpm(): void {
  if (process.env['npm_lifecycle_event'] !== 'start') return;
  const { ppid } = process;
  const timer = setInterval(() => {
    if (process.ppid === ppid) return;
    clearInterval(timer);
    process.kill(process.pid, 'SIGTERM');
  }, LOOK_EVERY_MS);
  timer.unref();
}
