import { type DestinationStream, type Logger as PinoLogger, pino } from 'pino';
import { REPLACEMENT, redactedPaths, redactText } from './redaction.ts';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export type LogLevel = (typeof LOG_LEVELS)[number];

/** What is passed around: pino's logger. `logger.child({…})` adds members to every record. */
export type Logger = PinoLogger;

export type LoggerOptions = {
  /** The service's name, the member `service` of every record. */
  readonly service: string;
  /** Records below it are not written; `info` unless given. */
  readonly level?: LogLevel;
  /** Where lines go; stdout, synchronously, unless given. */
  readonly destination?: DestinationStream;
};

/**
 * A logger that writes `{"level":"info","time":"2025-01-31T12:00:00.000Z","service":…,"msg":…}` lines. Errors go
 * under `err`; credentials are replaced (see the package's opening comment).
 */
export function createLogger(options: LoggerOptions): Logger {
  return pino(
    {
      level: options.level ?? 'info',
      base: { service: options.service },
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: redactedPaths(), censor: REPLACEMENT },
      hooks: { streamWrite: redactText },
    },
    options.destination ?? pino.destination({ dest: 1, sync: true }),
  );
}
