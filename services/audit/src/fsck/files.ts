import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { AuditError } from '../errors.ts';

/** The files of a log, wherever they are kept. */
export interface LogFiles {
  /** What stands at a path such as `tile/0/000`; null where nothing does. */
  read(name: string): Promise<Buffer | null>;
}

/** How long one file may take to come, in milliseconds. */
const FETCH_TIMEOUT_MS = 30_000;
const NOT_FOUND = 404;

/**
 * A log below a folder, or below a URL such as `https://audit.example.com/log`.
 *
 * @param token sent as bearer to a URL; null where it is open to all
 */
export function logFiles(place: string, token: string | null): LogFiles {
  return /^https?:\/\//.test(place) ? overHttp(place.replace(/\/+$/, ''), token) : inFolder(place);
}

function inFolder(folder: string): LogFiles {
  return {
    async read(name) {
      try {
        return await readFile(path.join(folder, name));
      } catch (error) {
        const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
        if (code === 'ENOENT' || code === 'ENOTDIR') return null;
        throw error;
      }
    },
  };
}

function overHttp(base: string, token: string | null): LogFiles {
  const headers = token === null ? {} : { authorization: `Bearer ${token}` };
  return {
    async read(name) {
      const response = await fetch(`${base}/${name}`, {
        headers,
        signal: AbortSignal.timeout(FETCH_TIMEOUT_MS),
      });
      const bytes = Buffer.from(await response.arrayBuffer());
      if (response.ok) return bytes;
      if (response.status === NOT_FOUND) return null;
      throw new AuditError(
        'log_unreadable',
        `${base}/${name} answered ${response.status}: is the token right?`,
      );
    },
  };
}
