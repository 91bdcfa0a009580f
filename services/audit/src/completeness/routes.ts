import { HttpProblem, PROBLEMS, type Reach, type Route, route } from '@tollgate/http';
import { z } from 'zod';
import { INDEX_BEHIND, makeStatement, type StatementParts } from './make-statement.ts';
import { type Period, periodFault } from './period.ts';
import { statement } from './statement.ts';

/** Query members that name a period. */
export const periodQuery = { from: z.iso.datetime(), to: z.iso.datetime() };

/** `GET /v1/completeness`. */
export function completenessRoutes(parts: StatementParts): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/completeness',
      access: { scope: 'completeness:read' },
      operationId: 'getCompleteness',
      summary: 'Whether a period is complete: a statement signed with the key of the log',
      description: [
        'What belongs to a period goes by when it happened (`requested_at` of a request, its decision, usage and charges),',
        'however late it came. `from` and `to` lie on quarters of an hour of UTC. `note` is the signed text: a line',
        '`tollgate.completeness/v1`, a line of JSON, and signatures (C2SP signed-note) that the verifier key of the log',
        'verifies. With `organisation`, counts and requests are of that one; sources serve everybody.',
      ].join('\n'),
      tag: 'completeness',
      query: z.strictObject({ ...periodQuery, organisation: z.string().min(1).max(128).optional() }),
      answers: { 200: z.object({ statement, note: z.string(), checkpoint: z.string() }) },
      problems: [PROBLEMS.outOfReach, INDEX_BEHIND],
      async handle({ query, reach }) {
        const period = periodOf(query);
        const organisationId = organisationWithin(reach, query.organisation);
        return { status: 200, body: await makeStatement(parts, { period, organisationId }) };
      },
    }),
  ];
}

/** @throws HttpProblem 400 `invalid_request` */
export function periodOf(query: { readonly from: string; readonly to: string }): Period {
  const period = { fromMs: Date.parse(query.from), toMs: Date.parse(query.to) };
  const fault = periodFault(period);
  if (fault !== null) {
    throw new HttpProblem(PROBLEMS.invalidRequest, `query member to: ${fault}`, {
      errors: [{ in: 'query', field: 'to', message: fault }],
    });
  }
  return period;
}

/**
 * Whose events a caller may have counted: those of one organisation, or null for all.
 * @throws HttpProblem 403 `out_of_reach`
 */
export function organisationWithin(reach: Reach, asked: string | undefined): string | null {
  if (reach.teamIds !== null || (reach.organisationId ?? asked ?? null) !== (asked ?? reach.organisationId)) {
    throw new HttpProblem(PROBLEMS.outOfReach, 'use a token of that organisation, or of the installation');
  }
  return reach.organisationId ?? asked ?? null;
}
