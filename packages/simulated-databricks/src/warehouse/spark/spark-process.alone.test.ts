import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { temporaryFolder, until, warehouseForTests } from '@tollgate/testing';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';

const START_TIMEOUT_MS = 180_000;
let missing: string | undefined;
let starter: ChildProcess | undefined;

beforeAll(async () => {
  const spark = await warehouseForTests();
  if (spark.available) await spark.warehouse.stop();
  else missing = spark.reason;
}, 900_000);

beforeEach((context) => context.skip(missing !== undefined, missing));
afterEach(() => {
  starter?.kill('SIGKILL');
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a Spark of one’s own', () => {
  it('does not outlive a process that was killed before it could stop it', async () => {
    const program = `
      import { startSparkEngine } from ${JSON.stringify(path.join(import.meta.dirname, '../index.ts'))};
      const engine = await startSparkEngine({ folder: process.argv[1] });
      process.stdout.write(String(engine.pid) + '\\n');`;
    starter = spawn(process.execPath, ['--input-type=module', '--eval', program, temporaryFolder('spark')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    starter.stdout?.on('data', (chunk) => {
      output += chunk;
    });
    const pid = Number(await until(() => /^\d+(?=\n)/.exec(output)?.[0], { timeoutMs: START_TIMEOUT_MS }));
    expect(isAlive(pid)).toBe(true);
    const gone = once(starter, 'exit');
    starter.kill('SIGKILL');
    await gone;
    await until(() => !isAlive(pid), { timeoutMs: 10_000, describe: 'Spark lives on' });
  });
});
