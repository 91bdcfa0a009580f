import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { testRunFolder } from './test-run.ts';

/**
 * A new empty folder, removed when the test run ends, or with the process outside of a run. As root, others may pass
 * through it, since an embedded Postgres runs under another account.
 */
export function temporaryFolder(prefix = 'folder'): string {
  const run = testRunFolder();
  const folder = mkdtempSync(path.join(run ?? tmpdir(), `${run === undefined ? 'tollgate-' : ''}${prefix}-`));
  if (process.getuid?.() === 0) chmodSync(folder, 0o711);
  if (run === undefined) process.once('exit', () => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
