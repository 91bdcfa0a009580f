/**
 * `npm test`: checks, then every test. `npm test -- packages/bus` runs the tests of that folder only; `npm run soak`
 * runs the long versions of the fault tests. The last line counts tests; a check that failed counts as a failed one.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { COUNTS_VARIABLE, type Counts } from './reporter.ts';

/** What is a script of the root's package.json, run by turbo, which skips what has not changed. */
const CHECKS = [
  { script: 'lint', what: 'format and lint' },
  { script: 'types', what: 'types' },
  { script: 'unused', what: 'unused code and dependencies' },
];

const ROOT = path.dirname(import.meta.dirname);
const PROGRAMS = path.join(ROOT, 'node_modules', '.bin');

const environment: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${PROGRAMS}${path.delimiter}${process.env['PATH'] ?? ''}`,
  TURBO_TELEMETRY_DISABLED: '1',
};

process.exitCode = await main(process.argv.slice(2));

async function main(args: string[]): Promise<number> {
  const soak = args.includes('--soak');
  const filters = args.filter((arg) => arg !== '--soak');
  const failedChecks = soak ? [] : await runChecks();
  const counts = await runTests(filters, soak);
  counts.failed += failedChecks.length;
  for (const what of failedChecks) process.stdout.write(`Check failed: ${what}\n`);
  process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
  return counts.failed === 0 ? 0 : 1;
}

async function runChecks(): Promise<string[]> {
  const failed: string[] = [];
  for (const { script, what } of CHECKS) {
    const code = await run('turbo', ['run', script, '--output-logs=errors-only', '--no-color']);
    if (code !== 0) failed.push(what);
  }
  return failed;
}

async function runTests(filters: string[], soak: boolean): Promise<Counts> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tollgate-counts-'));
  const file = path.join(folder, 'counts.json');
  try {
    const code = await run('vitest', ['run', ...(soak ? ['--project', 'alone'] : []), ...filters], {
      [COUNTS_VARIABLE]: file,
      ...(soak ? { TOLLGATE_SOAK: '1' } : {}),
    });
    const counts = readCounts(file);
    // vitest may fail for a reason that is no test's, such as a clean-up at the end.
    if (code !== 0 && counts.failed === 0) counts.failed = 1;
    return counts;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readCounts(file: string): Counts {
  try {
    const counts: Counts = JSON.parse(readFileSync(file, 'utf8'));
    return counts;
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

function run(program: string, args: string[], more: NodeJS.ProcessEnv = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(path.join(PROGRAMS, program), args, {
      cwd: ROOT,
      env: { ...environment, ...more },
      stdio: 'inherit',
    });
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 1));
  });
}
