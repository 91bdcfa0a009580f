import type { Pool } from '@tollgate/database';
import { type DirectoryView, type Route, route } from '@tollgate/http';
import { z } from 'zod';
import { PROBLEMS_OF_REPORTS, refusing } from '../problems.ts';
import { DIMENSIONS, type Dimension, isDimension } from './dimensions.ts';
import { documentOf, reportCsv, reportDocument } from './report-document.ts';
import { readReport } from './report-query.ts';
import { reportRange } from './report-range.ts';

const CSV = 'text/csv; charset=utf-8';
const MAX_DIMENSIONS = 6;
const NAMES = Object.keys(DIMENSIONS).join(', ');

const groupBy = z
  .string()
  .max(200)
  .default('team')
  .transform((text, context): readonly Dimension[] => {
    const names = [...new Set(text.split(','))];
    const known = names.filter(isDimension);
    if (known.length < names.length) {
      context.addIssue({ code: 'custom', message: `must be a list, by commas, of: ${NAMES}` });
    }
    if (known.length > MAX_DIMENSIONS) {
      context.addIssue({ code: 'custom', message: `must be at most ${MAX_DIMENSIONS} dimensions` });
    }
    return known;
  })
  .meta({
    jsonSchema: {
      type: 'string',
      default: 'team',
      pattern: `^(${Object.keys(DIMENSIONS).join('|')})(,(${Object.keys(DIMENSIONS).join('|')})){0,${MAX_DIMENSIONS - 1}}$`,
    },
  });

const reportQuery = z.strictObject({
  period: z
    .string()
    .regex(/^\d{4}-(0[1-9]|1[0-2])$/, 'must be a month, such as 2026-03')
    .optional(),
  from: z.iso.datetime().optional(),
  to: z.iso.datetime().optional(),
  group_by: groupBy,
  format: z.enum(['json', 'csv']).default('json'),
});

/** `GET /v1/report`. */
export function reportRoutes(parts: { readonly pool: Pool; readonly view: DirectoryView }): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/report',
      access: { scope: 'report:read' },
      operationId: 'getReport',
      summary: 'What was used and what it costs',
      description:
        'For a billing period, or for whole UTC hours from..to (half-open), summed by the dimensions of `group_by`. The role `team` sees its own. JSON and CSV hold the same rows; amounts are exact decimals.',
      tag: 'reports',
      query: reportQuery,
      answers: { 200: { json: reportDocument, raw: [{ contentType: CSV }] } },
      problems: PROBLEMS_OF_REPORTS,
      handle: ({ query, reach }) =>
        refusing(async () => {
          const range = reportRange(query);
          const report = await readReport(parts.pool, range, query.group_by, reach);
          const document = documentOf(report, range, parts.view);
          return query.format === 'csv'
            ? { status: 200, contentType: CSV, raw: reportCsv(document) }
            : { status: 200, body: document };
        }),
    }),
  ];
}
