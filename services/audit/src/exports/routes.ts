import type { Pool } from '@tollgate/database';
import { assertWithin, PROBLEMS, queryInteger, type Route, route } from '@tollgate/http';
import { z } from 'zod';
import type { SegmentStore } from '../archive/segment-store.ts';
import { filterOf, filterQuery } from '../search/filter-query.ts';
import type { RecordReading } from '../search/readings.ts';
import { FORMAT_NAMES, FORMATS } from './formats.ts';
import { readPage } from './read-page.ts';

/** Where to go on, and how many leaves are indexed: the end is reached when the first is one less than the second. */
export const AFTER_HEADER = 'tollgate-after';
export const SIZE_HEADER = 'tollgate-indexed-size';

const DEFAULT_EVENTS = 1_000;
const MAX_EVENTS = 5_000;
const TIMEOUT_MS = 60_000;

/** `GET /v1/export`. */
export function exportRoutes(parts: {
  readonly pool: Pool;
  readonly store: SegmentStore;
  readonly record: RecordReading;
}): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/export',
      access: { scope: 'audit:export' },
      operationId: 'exportEvents',
      summary: 'Events for another system, in the order of the log: NDJSON, CSV or OCSF',
      description: [
        'A page of lines. Its headers say where to go on: pass `tollgate-after` as `after`; when it is',
        '`tollgate-indexed-size` − 1 there is no more for now. A page may be empty and yet not the last. Ask again with the',
        'same `after` and the same comes: who keeps it after storing a page misses nothing, and drops by id what comes twice.',
        'CSV has its header line on every first page (without `after`). OCSF is API Activity (6003) of version 1.8.0 with',
        'the profile `ai_operation`. Filters are those of the search.',
      ].join('\n'),
      tag: 'exports',
      query: z.strictObject({
        ...filterQuery,
        format: z.enum(FORMAT_NAMES).default('ndjson'),
        after: z
          .string()
          .regex(/^(-1|\d{1,15})$/, 'must be a leaf index, or -1 for the beginning')
          .transform(Number)
          .default(-1)
          .meta({ jsonSchema: { type: 'integer', minimum: -1, default: -1 } }),
        limit: queryInteger({ min: 1, max: MAX_EVENTS, default: DEFAULT_EVENTS }),
      }),
      answers: {
        200: {
          raw: [...new Set(FORMAT_NAMES.map((name) => FORMATS[name].contentType))].map((contentType) => ({
            contentType,
          })),
        },
      },
      problems: [PROBLEMS.outOfReach],
      timeoutMs: TIMEOUT_MS,
      async handle({ query, reach, principal }) {
        assertWithin(reach, query);
        const { after, limit, format: name, ...filter } = query;
        await parts.record({
          principal,
          action: 'audit.export',
          target: 'events',
          details: { format: name, filter },
          continued: after >= 0,
        });
        const format = FORMATS[name];
        const page = await readPage(parts, { filter: filterOf(filter), reach, format, after, limit });
        return {
          status: 200,
          contentType: format.contentType,
          raw: `${after < 0 ? format.header : ''}${page.lines.join('')}`,
          headers: { [AFTER_HEADER]: String(page.after), [SIZE_HEADER]: String(page.size) },
        };
      },
    }),
  ];
}
