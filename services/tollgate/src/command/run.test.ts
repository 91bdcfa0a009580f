import { EXIT_CODES } from '@tollgate/http';
import { afterEach, expect, test, vi } from 'vitest';
import { CATALOGUE } from './catalogue.ts';
import { run } from './run.ts';

const written: string[] = [];
for (const stream of [process.stdout, process.stderr]) {
  vi.spyOn(stream, 'write').mockImplementation((text) => {
    written.push(String(text));
    return true;
  });
}

afterEach(() => {
  written.length = 0;
  process.exitCode = undefined;
});

test.each(Object.keys(CATALOGUE))('`tollgate %s --help` explains itself', async (name) => {
  expect(await run([name, '--help'])).toBe(EXIT_CODES.ok);
  expect(written.join('')).toContain(`Usage: tollgate ${name}`);
});

test('without a command it lists them all', async () => {
  expect(await run([])).toBe(EXIT_CODES.usage);
  for (const name of Object.keys(CATALOGUE)) expect(written.join('')).toContain(`  ${name}`);
});

test.each([[['repaly']], [['replay']], [['replay', 'x.csv', '--speed', 'fast']], [['constructor']]])(
  'a wrong command line ends with code 2: %j',
  async (args) => {
    expect(await run(args)).toBe(EXIT_CODES.usage);
    expect(written.join('')).toMatch(/error: /);
  },
);

test('a failure is one line that says why, with its code, and ends with code 1', async () => {
  expect(await run(['replay', '/nowhere/trace.csv', '--json'])).toBe(EXIT_CODES.failed);
  expect(written.join('')).toMatch(
    /^tollgate: \/nowhere\/trace\.csv can't be read: .* \[trace-unreadable\]\n$/,
  );
});
