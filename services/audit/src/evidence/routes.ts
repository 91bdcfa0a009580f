import { Readable } from 'node:stream';
import { HttpProblem, PROBLEMS, type Route, route } from '@tollgate/http';
import { z } from 'zod';
import { INDEX_BEHIND } from '../completeness/make-statement.ts';
import { organisationWithin, periodOf } from '../completeness/routes.ts';
import type { RecordReading } from '../search/readings.ts';
import { type BundleParts, makeBundle } from './make-bundle.ts';

const TAR = 'application/x-tar';
/** Making one of a month and sending it. */
const TIMEOUT_MS = 30 * 60_000;

/** `GET /v1/evidence`. */
export function evidenceRoutes(parts: BundleParts & { readonly record: RecordReading }): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/evidence',
      access: { scope: 'audit:export' },
      operationId: 'getEvidence',
      summary: 'A signed evidence bundle for a period or a request, which anybody can verify without us',
      description: [
        'A tar with the events and their salts, the tree that leads from them to a signed checkpoint, a statement of',
        'completeness over it, and a signed manifest; its README says what it proves. Give `from` and `to` (on quarters of an',
        'hour) or `request_id`. `since` is the size of a checkpoint that the auditor has kept: growth is proven from there.',
      ].join('\n'),
      tag: 'exports',
      query: z.strictObject({
        from: z.iso.datetime().optional(),
        to: z.iso.datetime().optional(),
        request_id: z.uuid().optional(),
        organisation: z.string().min(1).max(128).optional(),
        since: z
          .string()
          .regex(/^\d{1,15}$/)
          .transform(Number)
          .optional()
          .meta({ jsonSchema: { type: 'integer' } }),
      }),
      answers: { 200: { raw: [{ contentType: TAR }] } },
      problems: [PROBLEMS.outOfReach, PROBLEMS.notFound, PROBLEMS.unprocessable, INDEX_BEHIND],
      timeoutMs: TIMEOUT_MS,
      async handle({ query, reach, principal, signal }) {
        const { from, to, request_id: requestId, since = null } = query;
        const organisationId = organisationWithin(reach, query.organisation);
        const about =
          requestId !== undefined && from === undefined && to === undefined
            ? { requestId }
            : from !== undefined && to !== undefined && requestId === undefined
              ? { period: periodOf({ from, to }) }
              : null;
        if (about === null) {
          throw new HttpProblem(PROBLEMS.invalidRequest, 'give `from` and `to`, or `request_id`');
        }
        await parts.record({
          principal,
          action: 'audit.bundle',
          target: requestId ?? 'events',
          details: { from, to, organisation: organisationId },
        });
        const pieces = await makeBundle(parts, { about, organisationId, since });
        return { status: 200, contentType: TAR, raw: Readable.from(pieces, { signal, objectMode: false }) };
      },
    }),
  ];
}
