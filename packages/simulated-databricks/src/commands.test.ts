import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import { simulatedDatabricksCommand } from './commands.ts';

const COMMANDS = new URL('./commands.ts', import.meta.url).href;

/** Runs the command in a process of its own, as `tollgate` would. */
function runCommand(args: readonly string[], env: Record<string, string>) {
  const script = `
    import { simulatedDatabricksCommand } from ${JSON.stringify(COMMANDS)};
    await simulatedDatabricksCommand().parseAsync(${JSON.stringify(args)}, { from: 'user' });
  `;
  const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
    env: { PATH: process.env['PATH'], LOG_LEVEL: 'silent', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

test('run says where it listens, serves with its options, and ends on SIGTERM even with a stream open', async () => {
  const args = [
    'run',
    '--listen',
    '127.0.0.1:0',
    '--words-per-chunk',
    '1',
    '--chunk-delay-ms',
    '1000',
    '--json',
  ];
  const child = runCommand(args, { DATABRICKS_TOKEN: 'ours' });
  const [line] = await once(child.stdout.setEncoding('utf8'), 'data');
  const { url, pid } = JSON.parse(line);
  expect(pid).toBe(child.pid);
  expect((await fetch(`${url}/readyz`)).status).toBe(200);
  const response = await fetch(`${url}/serving-endpoints/chat/completions`, {
    method: 'POST',
    headers: { authorization: 'Bearer ours' },
    body: JSON.stringify({
      model: 'databricks-dbrx-instruct',
      messages: [{ role: 'user', content: 'a' }],
      stream: true,
    }),
  });
  expect(response.status).toBe(200);
  const reading = response.text().catch((error: unknown) => error);
  child.kill('SIGTERM');
  expect(await once(child, 'exit')).toEqual([0, null]);
  expect(await reading).toBeInstanceOf(Error);
});

test('run ends with one line that names the variable where the environment is wrong', async () => {
  const child = runCommand(['run', '--listen', '127.0.0.1:0'], { LOG_LEVEL: 'loud' });
  const [[complaint], exit] = await Promise.all([
    once(child.stderr.setEncoding('utf8'), 'data'),
    once(child, 'exit'),
  ]);
  expect(exit).toEqual([2, null]);
  expect(complaint).toMatch(/^simulated-databricks: .*LOG_LEVEL.*\n$/);
});

test('run refuses an address or a number that makes no sense, naming the option', async () => {
  const parse = (...args: string[]) => {
    const command = simulatedDatabricksCommand();
    for (const each of [command, ...command.commands]) {
      each.exitOverride().configureOutput({ writeErr: () => {} });
    }
    return command.parseAsync(args, { from: 'user' });
  };
  await expect(parse('run', '--listen', 'nowhere')).rejects.toThrow(/--listen.*"nowhere": give host:port/);
  await expect(parse('run', '--latency-ms', 'soon')).rejects.toThrow(/--latency-ms/);
  await expect(parse('run', '--words-per-chunk', '0')).rejects.toThrow(/--words-per-chunk/);
});
