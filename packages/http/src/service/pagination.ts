import { z } from 'zod';
import { HttpProblem, PROBLEMS } from '../errors.ts';
import { queryInteger } from './input.ts';

export const DEFAULT_PAGE_ITEMS = 100;
export const MAX_PAGE_ITEMS = 500;
const MAX_CURSOR_LENGTH = 1024;

/** Query members of a list: `limit` and the `cursor` that the page before ended with. Spread into the query's schema. */
export const pageQuery = {
  limit: queryInteger({ min: 1, max: MAX_PAGE_ITEMS, default: DEFAULT_PAGE_ITEMS }),
  cursor: z
    .string()
    .min(1)
    .max(MAX_CURSOR_LENGTH)
    .regex(/^[A-Za-z0-9_-]+$/)
    .optional(),
};

/** One page of a list. `next_cursor` is null on the last. */
export function pageOf<S extends z.ZodType>(item: S) {
  return z.object({ items: z.array(item), next_cursor: z.string().nullable() });
}

/** Writes and reads cursors: the sort key of the page's last row, opaque to callers. */
export type CursorCodec<T> = {
  encode(key: T): string;
  /** @throws HttpProblem 400 `invalid_cursor` */
  decode(cursor: string): T;
};

export function cursorCodec<S extends z.ZodType>(key: S): CursorCodec<z.output<S>> {
  return {
    encode: (value) => Buffer.from(JSON.stringify(value)).toString('base64url'),
    decode(cursor) {
      let json: unknown;
      try {
        json = JSON.parse(Buffer.from(cursor, 'base64url').toString('utf8'));
      } catch {
        throw invalidCursor();
      }
      const result = key.safeParse(json);
      if (!result.success) throw invalidCursor();
      return result.data;
    },
  };
}

/**
 * The page out of rows that were read one beyond the limit.
 *
 * @param keyOf the sort key of a row
 */
export function pageFrom<Row, T>(
  rows: readonly Row[],
  limit: number,
  codec: CursorCodec<T>,
  keyOf: (row: Row) => T,
): { items: Row[]; next_cursor: string | null } {
  const items = rows.slice(0, limit);
  const last = items.at(-1);
  const more = rows.length > limit && last !== undefined;
  return { items, next_cursor: more ? codec.encode(keyOf(last)) : null };
}

function invalidCursor(): HttpProblem {
  return new HttpProblem(PROBLEMS.invalidCursor, 'use the next_cursor of a page as it was given, or none', {
    errors: [{ in: 'query', field: 'cursor', message: 'is not a cursor of this list' }],
  });
}
