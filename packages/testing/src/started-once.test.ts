import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { identityOf, isAlive } from '@tollgate/database/embedded';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startedOnce } from './started-once.ts';
import { temporaryFolder } from './temporary-folder.ts';
import { openTestRun, RUN_VARIABLE, type TestRun, testRunFolder } from './test-run.ts';
import { until } from './until.ts';

const children: ChildProcess[] = [];
const outerRun = testRunFolder();
let runs: string;

beforeEach(() => {
  runs = temporaryFolder('runs');
});

afterEach(() => {
  if (outerRun !== undefined) process.env[RUN_VARIABLE] = outerRun;
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Runs the module's text in a process of its own, which sees the given run. */
function startProcess(run: string | undefined, text: string): ChildProcess {
  const module = (name: string): string => JSON.stringify(path.join(import.meta.dirname, name));
  const program = `
    const { startedOnce } = await import(${module('started-once.ts')});
    const { openTestRun } = await import(${module('test-run.ts')});
    const { identityOf } = await import(${JSON.stringify(import.meta.resolve('@tollgate/database/embedded'))});
    const { spawn } = await import('node:child_process');
    const { appendFileSync, writeFileSync } = await import('node:fs');
    ${text}`;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, ...(run === undefined ? {} : { [RUN_VARIABLE]: run }) },
  });
  children.push(child);
  return child;
}

function number(value: unknown): number {
  if (typeof value !== 'number') throw new TypeError('not a number');
  return value;
}

describe('startedOnce', () => {
  test('starts a thing in one of many processes, and all get the same', async () => {
    const run = await openTestRun(runs);
    const starts = path.join(runs, 'starts');
    const processes = Array.from({ length: 4 }, (_, index) =>
      startProcess(
        run.folder,
        `const state = await startedOnce({
           name: 'thing',
           parse: (value) => value,
           async start() { appendFileSync(${JSON.stringify(starts)}, 'x'); return { by: process.pid }; },
         });
         writeFileSync(${JSON.stringify(path.join(runs, 'got-'))} + ${index}, JSON.stringify(state));`,
      ),
    );
    await Promise.all(processes.map((child) => once(child, 'exit')));
    expect(readFileSync(starts, 'utf8')).toBe('x');
    const got = processes.map((_, index) => readFileSync(path.join(runs, `got-${index}`), 'utf8'));
    expect(new Set(got).size).toBe(1);
    await run.close();
  });

  test('tells all of a failed start, and does not try again', async () => {
    const run = await openTestRun(runs);
    let starts = 0;
    const ask = () =>
      startedOnce({
        name: 'thing',
        parse: number,
        async start() {
          starts += 1;
          throw new Error('no Java');
        },
      });
    for (const attempt of [ask(), ask()]) {
      await expect(attempt).rejects.toMatchObject({
        code: 'shared_start_failed',
        message: expect.stringContaining('no Java'),
      });
    }
    expect(starts).toBe(1);
    await run.close();
  });

  test('does not wait for a process that died while starting', async () => {
    const run = await openTestRun(runs);
    const lock = path.join(run.folder, 'thing.lock');
    const child = startProcess(
      run.folder,
      "await startedOnce({ name: 'thing', parse: (v) => v, start: () => new Promise(() => setInterval(() => {}, 1000)) });",
    );
    await until(() => existsSync(path.join(lock, 'holder.json')), { timeoutMs: 10_000 });
    child.kill('SIGKILL');
    const asking = startedOnce({ name: 'thing', parse: number, start: async () => 1 });
    await expect(asking).rejects.toMatchObject({ message: expect.stringContaining('died') });
    await run.close();
  });

  test('says what to do outside of a run', async () => {
    delete process.env[RUN_VARIABLE];
    const asking = () => startedOnce({ name: 'thing', parse: number, start: async () => 1 });
    await expect(asking()).rejects.toMatchObject({ code: 'no_test_run' });
    process.env[RUN_VARIABLE] = '';
    await expect(asking()).rejects.toMatchObject({ code: 'no_test_run' });
  });
});

describe('a run that closes', () => {
  async function startSleeper(run: TestRun, name: string): Promise<number> {
    return startedOnce({
      name,
      parse: number,
      async start({ endAtTeardown }) {
        const child = spawn('sleep', ['300'], { detached: true, stdio: 'ignore' });
        child.unref();
        const identity = await identityOf(child.pid ?? 0);
        if (identity === undefined) throw new Error('sleep did not start');
        await endAtTeardown({ kind: 'process', process: identity });
        await endAtTeardown({
          kind: 'command',
          command: ['sh', '-c', `echo ${name} >> ${path.join(path.dirname(run.folder), 'ended')}`],
        });
        return child.pid ?? 0;
      },
    });
  }

  test('ends what was started, the last first, and leaves no folder', async () => {
    const run = await openTestRun(runs);
    const first = await startSleeper(run, 'first');
    const second = await startSleeper(run, 'second');
    await run.close();
    expect(await identityOf(first)).toBeUndefined();
    expect(await identityOf(second)).toBeUndefined();
    expect(readFileSync(path.join(runs, 'ended'), 'utf8')).toBe('second\nfirst\n');
    expect(existsSync(run.folder)).toBe(false);
  });

  test('says so when something does not end, and ends the rest', async () => {
    const run = await openTestRun(runs);
    const pid = await startSleeper(run, 'first');
    await startedOnce({
      name: 'second',
      parse: number,
      async start({ endAtTeardown }) {
        await endAtTeardown({ kind: 'command', command: ['false'] });
        return 1;
      },
    });
    await expect(run.close()).rejects.toThrow('did not end in order');
    expect(await identityOf(pid)).toBeUndefined();
  });

  test('was killed: the next run ends what it had started, but nothing of a run that lives', async () => {
    const alive = await openTestRun(runs);
    const living = await startSleeper(alive, 'living');
    const child = startProcess(
      undefined,
      `await openTestRun(${JSON.stringify(runs)});
       const pid = await startedOnce({
         name: 'orphan',
         parse: (value) => value,
         async start({ endAtTeardown }) {
           const child = spawn('sleep', ['300'], { detached: true, stdio: 'ignore' });
           await endAtTeardown({ kind: 'process', process: await identityOf(child.pid) });
           return child.pid;
         },
       });
       writeFileSync(${JSON.stringify(path.join(runs, 'orphan'))}, String(pid));
       setInterval(() => {}, 1000);`,
    );
    const pid = await until(() => Number(readFileSync(path.join(runs, 'orphan'), 'utf8')), {
      timeoutMs: 10_000,
    });
    const orphan = await identityOf(pid);
    expect(orphan).toBeDefined();
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;

    const next = await openTestRun(runs);
    expect(orphan !== undefined && (await isAlive(orphan))).toBe(false);
    expect(await identityOf(living)).toBeDefined();
    await next.close();
    await alive.close();
    expect(readdirSync(runs).sort()).toEqual(['ended', 'orphan']);
  });

  test('is ended soon after its owner exits without closing it', async () => {
    const child = startProcess(
      undefined,
      `await openTestRun(${JSON.stringify(runs)});
       await startedOnce({
         name: 'orphan',
         parse: (value) => value,
         async start({ endAtTeardown }) {
           const child = spawn('sleep', ['300'], { detached: true, stdio: 'ignore' });
           await endAtTeardown({ kind: 'process', process: await identityOf(child.pid) });
           writeFileSync(${JSON.stringify(path.join(runs, 'orphan'))}, String(child.pid));
           return null;
         },
       });
       process.exit(130);`,
    );
    await once(child, 'exit');
    const pid = Number(readFileSync(path.join(runs, 'orphan'), 'utf8'));
    await until(async () => (await identityOf(pid)) === undefined, { timeoutMs: 20_000 });
    await until(() => readdirSync(runs).length === 1, { timeoutMs: 20_000 });
  });

  test('leaves alone what is no run of ours', async () => {
    const foreign = path.join(runs, 'foreign');
    mkdirSync(foreign);
    writeFileSync(path.join(foreign, 'file'), '');
    await (await openTestRun(runs)).close();
    expect(existsSync(path.join(foreign, 'file'))).toBe(true);
  });
});
