import { HttpProblem, PROBLEMS, type Route, route } from '@tollgate/http';
import { z } from 'zod';
import { LOSS_PROBLEMS } from '../errors.ts';
import { acknowledgeLoss, readLosses } from './losses.ts';
import type { SourceParts } from './routes.ts';

const MAX_REASON_CHARACTERS = 1000;

/** An acknowledged loss, as the API and statements show it. */
export const lossView = z
  .object({
    event_id: z.string(),
    source: z.string(),
    known_through: z.int().min(0),
    missing: z.int().min(0),
    heard_at: z.string(),
    dead_since: z.string(),
    acknowledged_at: z.string(),
    acknowledged_by: z.string(),
    reason: z.string(),
    state: z.enum(['recorded', 'in-force', 'void']),
  })
  .meta({ id: 'AcknowledgedLoss' });

/** `GET` and `POST /v1/sources/losses`. */
export function lossRoutes(parts: SourceParts): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/sources/losses',
      access: { scope: 'gaps:read' },
      operationId: 'listLosses',
      summary: 'Sources that were acknowledged to be lost for good, the latest first',
      tag: 'sources',
      answers: { 200: z.object({ losses: z.array(lossView) }) },
      async handle() {
        return { status: 200, body: { losses: await readLosses(parts.pool) } };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/sources/losses',
      access: { scope: 'losses:acknowledge' },
      operationId: 'acknowledgeLoss',
      summary: 'Acknowledge that a source is lost for good',
      description: [
        'For a gateway whose spool is gone: nobody can start it again, and what it wrote last comes no more. Periods after',
        '`dead_since` (unless given: now) no longer wait for it; those before stay unproven. Every statement names the loss',
        'from then on, with who acknowledged it and why. It counts once its admin event is in the log, and ends by itself if',
        'the source is heard of again.',
      ].join('\n'),
      tag: 'sources',
      body: z.strictObject({
        source: z.string().min(1).max(256),
        reason: z.string().trim().min(1).max(MAX_REASON_CHARACTERS),
        dead_since: z.iso.datetime().optional(),
      }),
      answers: { 201: lossView },
      problems: [
        PROBLEMS.outOfReach,
        PROBLEMS.notFound,
        PROBLEMS.unprocessable,
        LOSS_PROBLEMS.notLost,
        LOSS_PROBLEMS.acknowledged,
      ],
      async handle({ body, principal, reach }) {
        if (reach.organisationId !== null || reach.teamIds !== null) {
          throw new HttpProblem(
            PROBLEMS.outOfReach,
            'sources serve everybody: use a token of the installation',
          );
        }
        const { source, reason, dead_since: deadSince } = body;
        const loss = await acknowledgeLoss(parts, {
          principal,
          source,
          reason,
          ...(deadSince === undefined ? {} : { deadSinceMs: Date.parse(deadSince) }),
        });
        return { status: 201, body: loss };
      },
    }),
  ];
}
