/**
 * Ends this process, as a SIGTERM would, when the process that started it is gone: a stack's services must not
 * outlive a killed replay or test. The parent holds the other end of standard input and never writes to it.
 */
export function exitWithParent(): void {
  if (process.env['TOLLGATE_EXIT_WITH_PARENT'] !== '1') return;
  process.stdin.on('end', () => process.kill(process.pid, 'SIGTERM'));
  process.stdin.on('error', () => process.kill(process.pid, 'SIGTERM'));
  process.stdin.resume();
  process.stdin.unref?.();
}
