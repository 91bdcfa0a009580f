import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createLogger } from '@tollgate/telemetry';
import { temporaryFolder } from '@tollgate/testing';
import { expect, test } from 'vitest';
import { LogFile, type Notice } from './log-file.ts';

test('every record is in the file; whoever watches hears of warnings and worse alone, in a few words', () => {
  const file = join(temporaryFolder('log'), 'tollgate.log');
  const notices: Notice[] = [];
  const logger = createLogger({
    service: 'audit',
    destination: new LogFile(file, (one) => notices.push(one)),
  });
  logger.info('all is well');
  logger.warn({ err: new Error('first line\nsecond line') }, 'the bus lost its connection');
  logger.error({ cause: 'no space' }, 'not written');
  expect(notices).toEqual([
    { level: 'warn', service: 'audit', message: 'the bus lost its connection (first line)' },
    { level: 'error', service: 'audit', message: 'not written (no space)' },
  ]);
  expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toHaveLength(3);
});

test('a file that has grown enough is set aside, so that two of them are all there is', () => {
  const file = join(temporaryFolder('log'), 'tollgate.log');
  const log = new LogFile(file, () => {}, 100);
  for (let line = 0; line < 50; line += 1) log.write(`{"level":"info","n":${line}}\n`);
  expect(statSync(file).size).toBeLessThan(200);
  expect(statSync(`${file}.1`).size).toBeLessThan(200);
  expect(readFileSync(file, 'utf8')).toContain('"n":49');
});
