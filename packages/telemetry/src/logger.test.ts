import { Writable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { createLogger, type LogLevel } from './logger.ts';

const TOKEN = 'tgk_0123456789abcdefghijABCDEFGHIJ';

function capture(level?: LogLevel) {
  const lines: string[] = [];
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      lines.push(chunk.toString('utf8'));
      done();
    },
  });
  const logger = createLogger({ service: 'audit', destination, ...(level === undefined ? {} : { level }) });
  const last = (): unknown => JSON.parse(lines.at(-1) ?? '');
  return { logger, lines, last };
}

describe('a record', () => {
  test('is one line of JSON with level, ISO time, service and message, and no process or host', () => {
    const { logger, lines, last } = capture();
    logger.info({ leaf: 7 }, 'appended');
    expect(lines).toHaveLength(1);
    expect(last()).toEqual({
      level: 'info',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      service: 'audit',
      leaf: 7,
      msg: 'appended',
    });
  });

  test('is not written below the level', () => {
    const { logger, lines } = capture('warn');
    logger.info('no');
    logger.warn('yes');
    expect(lines).toHaveLength(1);
  });
});

describe('a credential', () => {
  test.each([
    ['at the root', { token: 'abc' }],
    [
      'in headers',
      { headers: { authorization: 'Bearer abc', 'x-api-key': 'abc', cookie: 'abc', 'set-cookie': 'abc' } },
    ],
    ['deeper', { request: { options: { auth: { password: 'abc', client_secret: 'abc' } } } }],
    ['in a list', { clients: [{ secret: 'abc' }, { apiKey: 'abc' }] }],
  ])('is replaced by its name: %s', (_, record) => {
    const { logger, lines } = capture();
    logger.info(record, 'x');
    logger.child(record).info('x');
    expect(lines.join('')).toContain('[redacted]');
    expect(lines.join('')).not.toContain('abc');
  });

  test('is replaced by its form, wherever it stands', () => {
    const { logger, lines } = capture();
    const url = 'postgres://audit:s3cret%40@127.0.0.1:5432/tollgate';
    logger.error(
      { err: new Error(`connect ${url}`), note: `key ${TOKEN}` },
      `Bearer ${TOKEN} and basic dXNlcjpwYXNz`,
    );
    const text = lines.join('');
    for (const secret of ['s3cret', TOKEN, 'dXNlcjpwYXNz']) expect(text).not.toContain(secret);
    expect(text).toContain('postgres://audit:[redacted]@127.0.0.1:5432/tollgate');
  });

  test('is not seen in counts of tokens and other harmless members', () => {
    const { logger, last } = capture();
    const record = {
      input_tokens: 12,
      tokens: 3,
      secrets_rotated: 1,
      at: '2025-01-31T12:00:00Z',
      url: 'http://a:80/b',
    };
    logger.info(record, 'x');
    expect(last()).toMatchObject(record);
  });
});
