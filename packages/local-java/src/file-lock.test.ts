import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from '@tollgate/testing';
import { beforeEach, describe, expect, it } from 'vitest';
import { withFileLock } from './file-lock.ts';

describe('a file lock', () => {
  let file: string;
  beforeEach(() => {
    file = path.join(temporaryFolder('lock'), 'it.lock');
  });

  it('lets one work at a time, and leaves nothing', async () => {
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 3 }, () =>
        withFileLock(file, 20_000, async () => {
          inside += 1;
          most = Math.max(most, inside);
          await new Promise((resolve) => setImmediate(resolve));
          inside -= 1;
        }),
      ),
    );
    expect(most).toBe(1);
    expect(existsSync(file)).toBe(false);
  });

  it('is let go when the work fails', async () => {
    const work = withFileLock(file, 1_000, async () => {
      throw new Error('failed');
    });
    await expect(work).rejects.toThrow('failed');
    expect(existsSync(file)).toBe(false);
  });

  it('is taken over from a process that has died', async () => {
    const { pid } = spawnSync('true');
    writeFileSync(file, String(pid));
    expect(await withFileLock(file, 5_000, async () => 'mine')).toBe('mine');
  });

  it('is not taken from a process that lives', async () => {
    writeFileSync(file, String(process.pid));
    await expect(withFileLock(file, 50, async () => 'mine')).rejects.toThrow(/still held/);
  });
});
