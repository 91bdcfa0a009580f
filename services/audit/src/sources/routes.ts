import type { Pool } from '@tollgate/database';
import { type Route, route } from '@tollgate/http';
import { z } from 'zod';
import { listSources, openGaps } from './listing.ts';

const count = z.int().min(0);
const range = z.object({ from: count, to: count });
const instanceQuery = z.strictObject({
  instance: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/)
    .optional(),
});

const gap = z.object({ source: z.string(), from: count, to: count }).meta({ id: 'Gap' });

const source = z
  .object({
    source: z.string(),
    state: z.enum(['open', 'stopped', 'lost']),
    tail: z.string(),
    through: count,
    received: count,
    missing: count,
    counts: z.record(z.string(), count),
    gaps: z.array(range),
    declared_gaps: z.array(
      range.extend({
        reason: z.string(),
        unrecorded_requests: count,
        since: z.string(),
        until: z.string(),
      }),
    ),
    verified_through: count,
    chain_mismatch_at: count.nullable(),
    heard_at: z.string(),
    unverified: z.object({ reason: z.string(), through: count, received_at: z.string() }).nullable(),
  })
  .meta({ id: 'Source' });

export interface SourceParts {
  readonly pool: Pool;
  readonly now: () => number;
  readonly gapGraceMs: number;
  readonly sourceLostAfterMs: number;
}

/** `GET /v1/gaps` and `GET /v1/sources`. Both concern the installation, not one organisation's requests. */
export function sourceRoutes(parts: SourceParts): Route[] {
  const rule = () => ({
    nowMs: parts.now(),
    graceMs: parts.gapGraceMs,
    lostAfterMs: parts.sourceLostAfterMs,
  });
  return [
    route({
      method: 'GET',
      path: '/v1/gaps',
      access: { scope: 'gaps:read' },
      operationId: 'listGaps',
      summary: 'Numbers that a source has stored and that did not come',
      description:
        'Gateways ask for their own and send those events again. What a source has declared lost is listed with the source instead.',
      tag: 'sources',
      query: instanceQuery,
      answers: { 200: z.object({ gaps: z.array(gap) }) },
      async handle({ query }) {
        const { instance } = query;
        const gaps = await openGaps(parts.pool, {
          ...rule(),
          ...(instance === undefined ? {} : { instance }),
        });
        return { status: 200, body: { gaps } };
      },
    }),
    route({
      method: 'GET',
      path: '/v1/sources',
      access: { scope: 'gaps:read' },
      operationId: 'listSources',
      summary: 'How each source of events stands',
      description: 'The latest thousand epochs, the newest first.',
      tag: 'sources',
      query: instanceQuery,
      answers: { 200: z.object({ sources: z.array(source) }) },
      async handle({ query }) {
        const { instance } = query;
        const sources = await listSources(parts.pool, {
          ...rule(),
          ...(instance === undefined ? {} : { instance }),
        });
        return {
          status: 200,
          body: {
            sources: sources.map((each) => ({
              ...each,
              counts: { ...each.counts },
              gaps: [...each.gaps],
              declared_gaps: [...each.declared_gaps],
            })),
          },
        };
      },
    }),
  ];
}
