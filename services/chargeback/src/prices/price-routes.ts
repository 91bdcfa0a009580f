import { enqueue } from '@tollgate/bus';
import { type Pool, transaction } from '@tollgate/database';
import { uuidV7 } from '@tollgate/events';
import {
  cursorCodec,
  HttpProblem,
  PROBLEMS,
  pageFrom,
  pageOf,
  pageQuery,
  type Route,
  route,
} from '@tollgate/http';
import { z } from 'zod';
import { ChargebackError } from '../errors.ts';
import { PROBLEMS_OF_PRICES, refusing } from '../problems.ts';
import { importPrices } from './import-prices.ts';
import { importEvents, refusalEvent } from './price-events.ts';
import { price, priceDraft } from './price-schema.ts';
import { listPrices } from './price-store.ts';

const MAX_IMPORT_ROWS = 5_000;
const MAX_IMPORT_BYTES = 8 * 1024 * 1024;
const IMPORT_TIMEOUT_MS = 60_000;

const cursor = cursorCodec(z.strictObject({ after: z.string().regex(/^\d{1,18}$/) }));

/** `GET /v1/prices` and `POST /v1/prices`. */
export function priceRoutes(parts: { readonly pool: Pool; readonly now: () => number }): Route[] {
  const { pool, now } = parts;
  return [
    route({
      method: 'GET',
      path: '/v1/prices',
      access: { scope: 'prices:read' },
      operationId: 'listPrices',
      summary: 'The price book, in the order in which rows were added',
      tag: 'prices',
      query: z.strictObject({
        ...pageQuery,
        model: z
          .string()
          .min(1)
          .max(256)
          .regex(/^\P{Cc}+$/u)
          .optional(),
      }),
      answers: { 200: pageOf(price) },
      problems: [PROBLEMS.invalidCursor],
      async handle({ query }) {
        const after = query.cursor === undefined ? '0' : cursor.decode(query.cursor).after;
        const rows = await listPrices(pool, { after, limit: query.limit + 1, model: query.model });
        const page = pageFrom(rows, query.limit, cursor, (row) => ({ after: row.ordinal }));
        return {
          status: 200,
          body: { items: page.items.map((row) => row.price.data), next_cursor: page.next_cursor },
        };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/prices',
      access: { scope: 'prices:write' },
      operationId: 'importPrices',
      summary: 'Add rows to the price book, all or none',
      description:
        'A row is never edited: a later one of the same key ends it by its own start. Rows that are there already are passed over, so an import can be repeated.',
      tag: 'prices',
      body: z.strictObject({ prices: z.array(priceDraft).min(1).max(MAX_IMPORT_ROWS) }),
      bodyLimitBytes: MAX_IMPORT_BYTES,
      timeoutMs: IMPORT_TIMEOUT_MS,
      answers: { 200: z.object({ added: z.array(price), unchanged: z.int().min(0) }) },
      problems: [...PROBLEMS_OF_PRICES, PROBLEMS.outOfReach],
      handle: ({ body, principal, reach }) =>
        refusing(async () => {
          if (reach.teamIds !== null) {
            throw new HttpProblem(PROBLEMS.outOfReach, 'the price book is for all teams, the token for some');
          }
          const nowMs = now();
          const act = { principal, nowMs, newId: () => uuidV7(nowMs) };
          const actor = `${principal.type}/${principal.id}`;
          try {
            const checked = await transaction(pool, async (tx) => {
              const result = await importPrices(tx, body.prices, { actor, now: () => new Date(now()) });
              await enqueue(tx, importEvents(result, act));
              return result;
            });
            return {
              status: 200 as const,
              body: { added: checked.added.map((row) => row.data), unchanged: checked.unchanged.length },
            };
          } catch (error) {
            if (error instanceof ChargebackError) {
              await transaction(pool, (tx) =>
                enqueue(tx, [refusalEvent(act, error.code, body.prices.length)]),
              );
            }
            throw error;
          }
        }),
    }),
  ];
}
