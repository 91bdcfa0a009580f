import type { Logger } from '@tollgate/telemetry';
import { ConfigError, HttpError } from '../errors.ts';

/** 0: ended as asked. 1: failed, or did not stop in time. 2: wrong use or configuration. */
export const EXIT_CODES = { ok: 0, failed: 1, usage: 2 } as const;

export interface Stoppable {
  stop(): Promise<void>;
}

/** What takes up its configuration anew at SIGHUP; without it, the signal ends the process as it usually does. */
export interface Reloadable extends Stoppable {
  reload(): Promise<void>;
}

export type StartContext = {
  readonly name: string;
  readonly logger: Logger;
  /** Aborted as soon as the process is told to end, so that a start that is under way can give up. */
  readonly signal: AbortSignal;
  /** Ends the process in order, with exit code 1: for what can't be recovered from within. */
  readonly fail: (error: unknown) => void;
};

/** What of Node's process is needed; injected in tests. */
export type ProcessPort = {
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
  exit(code: number): void;
  /** One line for whoever typed the command. */
  complain(line: string): void;
};

export type RunProcessOptions = {
  readonly name: string;
  readonly logger: Logger;
  readonly start: (context: StartContext) => Promise<Stoppable | Reloadable>;
  /** How long stopping may take. */
  readonly deadlineMs?: number;
  readonly port?: ProcessPort;
};

export const DEFAULT_STOP_DEADLINE_MS = 20_000;

const SIGNALS = ['SIGTERM', 'SIGINT'] as const;
const FAULTS = ['uncaughtException', 'unhandledRejection'] as const;

/**
 * A service's life: starts it, waits for SIGTERM or SIGINT, stops it in order within the deadline, and ends the
 * process with one of {@link EXIT_CODES}. A second signal ends it at once. An uncaught error stops it in order, too.
 * SIGHUP has what can be reloaded take up its configuration. A {@link ConfigError} becomes one line on stderr. Resolves with the exit code, for callers whose port does not exit.
 */
export async function runProcess(options: RunProcessOptions): Promise<number> {
  const { name, logger, deadlineMs = DEFAULT_STOP_DEADLINE_MS, port = nodeProcess } = options;
  const controller = new AbortController();
  const end = Promise.withResolvers<number>();
  const fail = (error: unknown) => {
    logger.fatal({ err: error }, `${name} failed and stops`);
    controller.abort(error);
    end.resolve(EXIT_CODES.failed);
  };
  const onSignal = (signal: unknown) => {
    if (controller.signal.aborted) {
      logger.warn({ signal }, `${name} was told twice to stop and ends at once`);
      port.exit(EXIT_CODES.failed);
      return;
    }
    logger.info({ signal }, `${name} stops`);
    controller.abort(new DOMException(`stopped by ${String(signal)}`, 'AbortError'));
    end.resolve(EXIT_CODES.ok);
  };
  for (const signal of SIGNALS) port.on(signal, onSignal);
  for (const fault of FAULTS) port.on(fault, fail);
  try {
    const code = await live(
      options,
      { name, logger, signal: controller.signal, fail },
      end.promise,
      deadlineMs,
      port,
    );
    port.exit(code);
    return code;
  } finally {
    for (const signal of SIGNALS) port.off(signal, onSignal);
    for (const fault of FAULTS) port.off(fault, fail);
  }
}

async function live(
  options: RunProcessOptions,
  context: StartContext,
  end: Promise<number>,
  deadlineMs: number,
  port: ProcessPort,
): Promise<number> {
  const { name, logger } = context;
  let running: Stoppable | Reloadable;
  try {
    running = await options.start(context);
  } catch (error) {
    if (context.signal.aborted) return end;
    const message = error instanceof Error ? error.message : String(error);
    port.complain(`${name}: ${message.replaceAll(/\s*\n\s*/g, ' ')}`);
    if (error instanceof ConfigError) return EXIT_CODES.usage;
    logger.fatal({ err: error }, `${name} did not start`);
    return EXIT_CODES.failed;
  }
  const onReload = reloading(running, context);
  if (onReload !== null) port.on('SIGHUP', onReload);
  const code = await end;
  try {
    await stopWithin(running, deadlineMs);
    logger.info(`${name} has stopped`);
    return code;
  } catch (error) {
    logger.fatal({ err: error }, `${name} did not stop in order`);
    return EXIT_CODES.failed;
  } finally {
    if (onReload !== null) port.off('SIGHUP', onReload);
  }
}

function reloading(
  running: Stoppable | Reloadable,
  { name, logger, fail }: StartContext,
): (() => void) | null {
  if (!('reload' in running)) return null;
  return () => {
    logger.info(`${name} was told to take up its configuration anew`);
    running.reload().catch(fail);
  };
}

async function stopWithin(running: Stoppable, deadlineMs: number): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new HttpError('stop_deadline', `not stopped within ${deadlineMs} ms`)),
    deadlineMs,
  );
  try {
    await Promise.race([running.stop(), late.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Several parts as one: stopped one after the other, the last started first. Each is stopped even if one before it
 * failed; the first error is thrown at the end.
 */
export function stopInOrder(started: readonly Stoppable[]): Stoppable {
  return {
    async stop() {
      const errors: unknown[] = [];
      for (const part of started.toReversed()) {
        try {
          await part.stop();
        } catch (error) {
          errors.push(error);
        }
      }
      if (errors.length > 0) throw errors[0];
    },
  };
}

const nodeProcess: ProcessPort = {
  on: (event, listener) => process.on(event, listener),
  off: (event, listener) => process.off(event, listener),
  exit: (code) => process.exit(code),
  complain: (line) => process.stderr.write(`${line}\n`),
};
