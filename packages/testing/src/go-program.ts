import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { temporaryFolder } from './temporary-folder.ts';

/** How long modules may take to come and to be compiled, the first time, in milliseconds. */
const BUILD_TIMEOUT_MS = 300_000;

/** A program in Go, or why it can't be had on this machine. */
export type GoProgram = { readonly file: string } | { readonly lack: string };

/**
 * Builds a program for a test that compares with an implementation in Go. Go keeps what it has fetched and compiled
 * outside the repository.
 *
 * @param folder of the module
 * @param command the program's folder below it, such as `./verify`
 */
export async function goProgram(folder: string, command: string): Promise<GoProgram> {
  const run = promisify(execFile);
  try {
    await run('go', ['version']);
  } catch {
    return { lack: 'Go is not installed' };
  }
  const file = path.join(temporaryFolder('go-program'), 'program');
  try {
    await run('go', ['build', '-buildvcs=false', '-o', file, command], {
      cwd: folder,
      timeout: BUILD_TIMEOUT_MS,
    });
    return { file };
  } catch (error) {
    const said = String(error instanceof Error ? Reflect.get(error, 'stderr') : error);
    // Offline, or too old: the program itself is checked where it can be built.
    if (/dial tcp|no such host|requires go|toolchain|proxy/i.test(said)) {
      return { lack: `Go can't fetch its modules or toolchain: ${said.trim().split('\n').at(-1)}` };
    }
    throw error;
  }
}
