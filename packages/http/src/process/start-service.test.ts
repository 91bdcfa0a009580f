import { EventEmitter } from 'node:events';
import { createLogger } from '@tollgate/telemetry';
import { freePort, until } from '@tollgate/testing';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { type Environment, readConfig } from './read-config.ts';
import { type ProcessPort, runProcess } from './run-process.ts';
import { serviceConfigOf, serviceStart, serviceVariables } from './start-service.ts';

const variables = z.object(serviceVariables(0));
const read = (env: Environment) => serviceConfigOf(readConfig(variables, env), env);

/** A start of a service whose Postgres is not there. */
async function startWithout(env: Environment) {
  const emitter = new EventEmitter();
  const lines: string[] = [];
  const complaints: string[] = [];
  const port: ProcessPort = {
    on: (event, listener) => emitter.on(event, listener),
    off: (event, listener) => emitter.off(event, listener),
    exit: () => {},
    complain: (line) => complaints.push(line),
  };
  const logger = createLogger({
    service: 'test',
    destination: {
      write(line: string) {
        lines.push(line);
      },
    },
  });
  const database = `127.0.0.1:${await freePort()}/tollgate`;
  let created = 0;
  const start = serviceStart('test', read, () => {
    created += 1;
    throw new Error('built without its database');
  });
  const given = {
    DATABASE_URL: `postgres://role:do-not-tell@${database}`,
    KAFKA_BROKERS: '127.0.0.1:1',
    ...env,
  };
  const code = runProcess({
    name: 'test',
    logger,
    port,
    start: ({ signal }) => start(given, logger, signal),
  });
  return { code, emitter, lines, complaints, database, created: () => created };
}

test('a service waits for its Postgres, says so, and ends in order when it is told to meanwhile', async () => {
  const { code, emitter, lines, complaints, database, created } = await startWithout({});
  await until(() => lines.some((line) => line.includes(`waiting for Postgres at ${database}`)), {
    timeoutMs: 10_000,
  });
  emitter.emit('SIGTERM', 'SIGTERM');
  expect(await code).toBe(0);
  expect(created()).toBe(0);
  expect(complaints).toEqual([]);
  expect(lines.join('')).not.toContain('do-not-tell');
});

test('a service whose Postgres does not come in time ends with 1 and one line that says where it looked', async () => {
  const { code, complaints, database } = await startWithout({ DATABASE_WAIT_SECONDS: '0' });
  expect(await code).toBe(1);
  expect(complaints).toEqual([expect.stringContaining(`test: no Postgres at ${database}`)]);
});
