import { ConfigError } from '@tollgate/http';
import { expect, test } from 'vitest';
import { readDirectoryConfig } from './config.ts';

const env = {
  DATABASE_URL: 'postgres://directory:pw@localhost:5432/tollgate',
  KAFKA_BROKERS: 'localhost:9092',
};

test('a database and a broker are all that has to be said', () => {
  expect(readDirectoryConfig(env)).toMatchObject({
    databaseUrl: env.DATABASE_URL,
    listen: { host: '0.0.0.0', port: 41_010 },
    bootstrapTokenFile: './data/directory/bootstrap-token',
    maxGrantMs: 72 * 3_600_000,
    logLevel: 'info',
    bus: { kind: 'kafka', kafka: { brokers: ['localhost:9092'], topicPrefix: 'tollgate.' } },
  });
});

test.each([
  ['DATABASE_URL', { DATABASE_URL: undefined }],
  ['DATABASE_URL', { DATABASE_URL: 'mysql://secret' }],
  ['LISTEN', { LISTEN: '41010' }],
  ['DIRECTORY_MAX_GRANT_HOURS', { DIRECTORY_MAX_GRANT_HOURS: '0' }],
  ['LOG_LEVEL', { LOG_LEVEL: 'loud' }],
  ['TOLLGATE_BUS', { KAFKA_BROKERS: undefined }],
  ['KAFKA_BROKERS', { KAFKA_BROKERS: 'localhost' }],
])('a wrong %s is named in one line that does not quote it', (variable, change) => {
  let caught: unknown;
  try {
    readDirectoryConfig({ ...env, ...change });
  } catch (error) {
    caught = error;
  }
  expect(caught).toBeInstanceOf(ConfigError);
  const { message } = caught as ConfigError;
  expect(message.startsWith(`${variable}: `)).toBe(true);
  expect(message).not.toContain('\n');
  expect(message).not.toContain('secret');
});
