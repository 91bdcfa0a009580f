import { EventEmitter } from 'node:events';
import { createLogger } from '@tollgate/telemetry';
import { expect, test } from 'vitest';
import { ConfigError } from '../errors.ts';
import {
  type ProcessPort,
  runProcess,
  type StartContext,
  type Stoppable,
  stopInOrder,
} from './run-process.ts';

const logger = createLogger({ service: 'test', level: 'silent' });

function fakeProcess() {
  const emitter = new EventEmitter();
  const exits: number[] = [];
  const lines: string[] = [];
  const port: ProcessPort = {
    on: (event, listener) => emitter.on(event, listener),
    off: (event, listener) => emitter.off(event, listener),
    exit: (code) => exits.push(code),
    complain: (line) => lines.push(line),
  };
  return { port, exits, lines, emitter };
}

function run(start: (context: StartContext) => Promise<Stoppable>, deadlineMs = 1_000) {
  const fake = fakeProcess();
  const started = Promise.withResolvers<void>();
  const code = runProcess({
    name: 'test',
    logger,
    port: fake.port,
    deadlineMs,
    async start(context) {
      const running = await start(context);
      started.resolve();
      return running;
    },
  });
  return { ...fake, code, started: started.promise };
}

test.each(['SIGTERM', 'SIGINT'])('%s stops what was started and ends with 0', async (signal) => {
  let stopped = false;
  const { emitter, code, exits, started } = run(async () => ({
    async stop() {
      stopped = true;
    },
  }));
  await started;
  emitter.emit(signal, signal);
  expect(await code).toBe(0);
  expect(stopped).toBe(true);
  expect(exits).toEqual([0]);
  expect(emitter.eventNames()).toEqual([]);
});

test('SIGHUP has what can be reloaded take up its configuration, and is left alone otherwise', async () => {
  let reloads = 0;
  const reloadable = run(async () => ({
    stop: async () => {},
    reload: async () => {
      reloads += 1;
    },
  }));
  await reloadable.started;
  await new Promise(setImmediate);
  reloadable.emitter.emit('SIGHUP', 'SIGHUP');
  expect(reloads).toBe(1);
  reloadable.emitter.emit('SIGTERM', 'SIGTERM');
  expect(await reloadable.code).toBe(0);
  expect(reloadable.emitter.eventNames()).toEqual([]);

  const other = run(async () => ({ stop: async () => {} }));
  await other.started;
  await new Promise(setImmediate);
  expect(other.emitter.listenerCount('SIGHUP')).toBe(0);
  other.emitter.emit('SIGTERM', 'SIGTERM');
  await other.code;
});

test('a wrong configuration ends with 2 and one line', async () => {
  const { code, lines } = run(() => Promise.reject(new ConfigError('LISTEN', 'must be host:port')));
  expect(await code).toBe(2);
  expect(lines).toEqual(['test: LISTEN: must be host:port']);
});

test('a start that fails ends with 1 and one line, however many its error has', async () => {
  const { code, lines } = run(() => Promise.reject(new Error('no database\n  at line 2')));
  expect(await code).toBe(1);
  expect(lines).toEqual(['test: no database at line 2']);
});

test('stopping that outlasts the deadline, or fails, ends with 1', async () => {
  const hangs = run(async () => ({ stop: () => new Promise(() => {}) }), 20);
  await hangs.started;
  hangs.emitter.emit('SIGTERM', 'SIGTERM');
  expect(await hangs.code).toBe(1);
  const fails = run(async () => ({ stop: () => Promise.reject(new Error('no')) }));
  await fails.started;
  fails.emitter.emit('SIGTERM', 'SIGTERM');
  expect(await fails.code).toBe(1);
});

test('a second signal ends at once', async () => {
  const stop = Promise.withResolvers<void>();
  const { emitter, exits, started, code } = run(async () => ({ stop: () => stop.promise }));
  await started;
  emitter.emit('SIGTERM', 'SIGTERM');
  expect(exits).toEqual([]);
  emitter.emit('SIGTERM', 'SIGTERM');
  expect(exits).toEqual([1]);
  stop.resolve();
  await code;
});

test('an uncaught error, or a part that gives up, stops the rest in order and ends with 1', async () => {
  for (const failing of ['uncaughtException', 'unhandledRejection', 'fail']) {
    let stopped = false;
    let context: StartContext | undefined;
    const { emitter, code, started } = run(async (given) => {
      context = given;
      return {
        async stop() {
          stopped = true;
        },
      };
    });
    await started;
    if (failing === 'fail') context?.fail(new Error('gave up'));
    else emitter.emit(failing, new Error('not caught'));
    expect(await code).toBe(1);
    expect(stopped).toBe(true);
  }
});

test('a signal during the start lets it give up, and is no failure', async () => {
  const { emitter, code } = run(
    ({ signal }) =>
      new Promise((_, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason), { once: true }),
      ),
  );
  emitter.emit('SIGTERM', 'SIGTERM');
  expect(await code).toBe(0);
});

test('a signal during a start that does not give up stops what it has started', async () => {
  let stopped = false;
  const go = Promise.withResolvers<void>();
  const { emitter, code } = run(async () => {
    await go.promise;
    return {
      async stop() {
        stopped = true;
      },
    };
  });
  emitter.emit('SIGTERM', 'SIGTERM');
  go.resolve();
  expect(await code).toBe(0);
  expect(stopped).toBe(true);
});

test('parts stop last started first, each even if one before it fails', async () => {
  const order: string[] = [];
  const part = (name: string, error?: Error): Stoppable => ({
    async stop() {
      order.push(name);
      if (error !== undefined) throw error;
    },
  });
  const all = stopInOrder([part('pool'), part('bus', new Error('bus')), part('http', new Error('http'))]);
  await expect(all.stop()).rejects.toThrow('http');
  expect(order).toEqual(['http', 'bus', 'pool']);
});
