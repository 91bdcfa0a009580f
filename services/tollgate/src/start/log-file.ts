import { closeSync, existsSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

/** A record that a person at the terminal should know of. */
export interface Notice {
  readonly level: string;
  readonly service: string;
  readonly message: string;
}

/** The log and the one before it take at most twice this. */
const MAX_LOG_BYTES = 32 * 1024 * 1024;
const OWNER_ONLY = 0o600;
/** How pino's lines begin; see `createLogger`. */
const NOTEWORTHY = /^\{"level":"(warn|error|fatal)"/;

/**
 * Where the log of every service in this process goes: one file, set aside as `<file>.1` when it has grown enough.
 * Written at once, so that what was logged before a crash is there.
 */
export class LogFile {
  readonly #file: string;
  readonly #onNotice: (notice: Notice) => void;
  readonly #maxBytes: number;
  #descriptor: number;
  #bytes: number;

  constructor(file: string, onNotice: (notice: Notice) => void, maxBytes = MAX_LOG_BYTES) {
    this.#file = file;
    this.#onNotice = onNotice;
    this.#maxBytes = maxBytes;
    this.#descriptor = openSync(file, 'a', OWNER_ONLY);
    this.#bytes = fstatSync(this.#descriptor).size;
  }

  /** One line, as pino's destination. */
  write(line: string): void {
    try {
      if (this.#bytes > this.#maxBytes) this.#turn();
      this.#bytes += writeSync(this.#descriptor, line);
    } catch {
      // A full disk must not end what goes on without a log.
    }
    if (NOTEWORTHY.test(line)) this.#onNotice(noticeOf(line));
  }

  #turn(): void {
    closeSync(this.#descriptor);
    if (existsSync(this.#file)) renameSync(this.#file, `${this.#file}.1`);
    this.#descriptor = openSync(this.#file, 'a', OWNER_ONLY);
    this.#bytes = 0;
  }
}

function noticeOf(line: string): Notice {
  const record: unknown = JSON.parse(line);
  const text = (name: string, of: unknown = record) => {
    const value: unknown = typeof of === 'object' && of !== null ? Reflect.get(of, name) : undefined;
    return typeof value === 'string' ? value : '';
  };
  const error: unknown =
    typeof record === 'object' && record !== null ? Reflect.get(record, 'err') : undefined;
  const [cause = ''] = (text('message', error) || text('cause')).split('\n');
  return {
    level: text('level'),
    service: text('service'),
    message: cause === '' ? text('msg') : `${text('msg')} (${cause})`,
  };
}
