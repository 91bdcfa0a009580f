import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { temporaryFolder } from '@tollgate/testing';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { ConfigError } from '../errors.ts';
import { flag, listenAddress, wholeNumber } from './config-values.ts';
import { readConfig } from './read-config.ts';

const schema = z.object({
  URL: z.string().regex(/^https:/, 'must be an https URL'),
  SECRET: z.string().optional(),
  LISTEN: listenAddress.default({ host: '127.0.0.1', port: 1 }),
  WORKERS: wholeNumber(1, 8).default(2),
  STRICT: flag.default(false),
});

const messageOf = (env: Record<string, string>) => {
  try {
    readConfig(schema, env);
    return 'none';
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigError);
    return error instanceof Error ? error.message : '';
  }
};

test('variables are read by their schema, the rest of the environment is left alone', () => {
  expect(
    readConfig(schema, { URL: 'https://x', LISTEN: '[::1]:80', STRICT: 'true', PATH: '/bin', SECRET: '' }),
  ).toEqual({
    URL: 'https://x',
    LISTEN: { host: '::1', port: 80 },
    WORKERS: 2,
    STRICT: true,
  });
});

test.each([
  [{}, 'URL: is not set'],
  [{ URL: 'ftp://secret' }, 'URL: must be an https URL'],
  [{ URL: 'https://x', LISTEN: 'here' }, 'LISTEN: must be host:port, such as 0.0.0.0:41010'],
  [{ URL: 'https://x', LISTEN: 'here:70000' }, 'LISTEN: must be host:port, such as 0.0.0.0:41010'],
  [{ URL: 'https://x', WORKERS: '9' }, 'WORKERS: must be a whole number from 1 to 8'],
  [{ URL: 'https://x', WORKERS: '1e1' }, 'WORKERS: must be a whole number from 1 to 8'],
  [{ URL: 'https://x', STRICT: 'yes' }, 'STRICT: must be true or false'],
])('%j stops with the one line "%s", which does not quote the value', (env, line) => {
  expect(messageOf(env as Record<string, string>)).toBe(line);
});

test('each variable can be a file instead, without its last line break', () => {
  const folder = temporaryFolder('config');
  const file = path.join(folder, 'secret');
  writeFileSync(file, 'hidden value\n');
  expect(readConfig(schema, { URL: 'https://x', SECRET_FILE: file }).SECRET).toBe('hidden value');
  writeFileSync(file, '\n');
  expect(messageOf({ URL: 'https://x', SECRET_FILE: file })).toBe('SECRET_FILE: the file is empty');
  expect(messageOf({ URL: 'https://x', SECRET_FILE: path.join(folder, 'none') })).toBe(
    "SECRET_FILE: the file can't be read (ENOENT)",
  );
  expect(messageOf({ URL: 'https://x', SECRET: 'a', SECRET_FILE: file })).toBe(
    'SECRET_FILE: is set besides SECRET: set one of the two',
  );
});

test('a rule over several variables is told as it is, though the one it names is absent', () => {
  const choice = z.record(z.string(), z.string().optional()).transform((env, context) => {
    context.addIssue({ code: 'custom', path: ['A'], message: 'set A or B' });
    return env;
  });
  expect(() => readConfig(choice, {})).toThrow('A: set A or B');
});

test("a schema of records takes the process's own environment, which is no plain object", () => {
  const schema = z.record(z.string(), z.string().optional()).transform((env) => env['PATH']);
  expect(readConfig(schema, process.env)).toBe(process.env['PATH']);
});
