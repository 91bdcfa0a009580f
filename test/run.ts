/**
 * `npm test`: checks, then every test. `npm test -- packages/bus` runs the tests of that folder only; `npm run soak`
 * runs the long versions of the fault tests. The last line counts tests; a check that failed counts as a failed one.
 */
import { type ChildProcess, spawn } from 'node:child_process';
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

/** How long the long versions are: full traces, more kills, more seeds. What is set already stays. */
const SOAK = { TOLLGATE_SOAK: '1', TOLLGATE_KILLS: '15', TOLLGATE_SEEDS: '150' };

const ROOT = path.dirname(import.meta.dirname);
const PROGRAMS = path.join(ROOT, 'node_modules', '.bin');

const environment: NodeJS.ProcessEnv = {
  ...process.env,
  PATH: `${PROGRAMS}${path.delimiter}${process.env['PATH'] ?? ''}`,
  TURBO_TELEMETRY_DISABLED: '1',
  ...(process.stdout.isTTY ? {} : { NO_COLOR: '1', FORCE_COLOR: undefined }),
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

/** What a check that passes says is not shown: only that it has passed. */
async function runChecks(): Promise<string[]> {
  const failed: string[] = [];
  for (const { script, what } of CHECKS) {
    const started = performance.now();
    const { code, output } = await runQuietly('turbo', [
      'run',
      script,
      '--output-logs=full',
      '--log-prefix=none',
    ]);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    process.stdout.write(`${code === 0 ? '✓' : '✗'} ${what} (${seconds} s)\n`);
    if (code === 0) continue;
    process.stdout.write(output);
    failed.push(what);
  }
  return failed;
}

async function runTests(filters: string[], soak: boolean): Promise<Counts> {
  const folder = mkdtempSync(path.join(tmpdir(), 'tollgate-counts-'));
  const file = path.join(folder, 'counts.json');
  try {
    const code = await run('vitest', ['run', ...(soak ? ['--project', 'alone'] : []), ...filters], {
      [COUNTS_VARIABLE]: file,
      ...(soak ? SOAK : {}),
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

async function run(program: string, args: string[], more: NodeJS.ProcessEnv): Promise<number> {
  const child = spawn(path.join(PROGRAMS, program), args, {
    cwd: ROOT,
    env: { ...environment, ...more },
    stdio: 'inherit',
  });
  return endOf(child);
}

async function runQuietly(program: string, args: string[]): Promise<{ code: number; output: string }> {
  const child = spawn(path.join(PROGRAMS, program), args, {
    cwd: ROOT,
    env: environment,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString('utf8');
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return { code: await endOf(child), output };
}

function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}
