import type { Logger } from '@tollgate/telemetry';
import { type LogEntry, logLevel } from 'kafkajs';

/**
 * kafkajs reports each attempt that it repeats by itself as an error, so what it calls an error is a warning here;
 * what really failed reaches our own log where it is handled. Its warnings are notes for developers of clients.
 */
export function logThrough(logger: Logger): (level: logLevel) => (entry: LogEntry) => void {
  return () => (entry) => {
    const { message, timestamp: _timestamp, logger: _library, stack: _stack, ...details } = entry.log;
    const fields = { kafkajs: entry.namespace, ...details };
    if (entry.level <= logLevel.ERROR) logger.warn(fields, message);
    else logger.debug(fields, message);
  };
}
