import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { temporaryFolder } from '@tollgate/testing';
import { describe, expect, test } from 'vitest';
import { lockFolder } from './lock.ts';

const LOCK_FILE = new URL('./lock.ts', import.meta.url).href;

/** Another process that takes the lock and keeps it until it is killed. */
async function holdElsewhere(folder: string) {
  const script = `import { lockFolder } from ${JSON.stringify(LOCK_FILE)};
    lockFolder(process.argv[1]);
    console.log('locked');
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, folder], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  await Promise.race([
    once(child.stdout, 'data'),
    exited.then(() => {
      throw new Error('the other process ended');
    }),
  ]);
  return {
    pid: child.pid,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

describe('the lock of a spool folder', () => {
  test('refuses a second process, names the first, and ends with it however it ends', async () => {
    const folder = temporaryFolder('lock');
    const other = await holdElsewhere(folder);
    try {
      expect(() => lockFolder(folder)).toThrow(
        expect.objectContaining({
          code: 'spool-locked',
          message: expect.stringContaining(String(other.pid)),
        }),
      );
    } finally {
      await other.kill();
    }
    lockFolder(folder).release();
  });

  test('refuses a second spool in the same process', () => {
    const folder = temporaryFolder('lock');
    const lock = lockFolder(folder);
    expect(() => lockFolder(folder)).toThrow(expect.objectContaining({ code: 'spool-locked' }));
    lock.release();
    lockFolder(folder).release();
  });
});
