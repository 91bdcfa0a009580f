import { PROBLEMS, type Route, route } from '@tollgate/http';
import { z } from 'zod';
import { VAULT_PROBLEMS } from '../../errors.ts';
import { actorOf } from '../admin-events.ts';
import { readPayloads } from '../reveal/read-payloads.ts';
import { approveReveal, askReveal } from '../reveal/reveals.ts';
import type { VaultParts } from '../vault-parts.ts';

const MAX_REASON_CHARACTERS = 1000;

const reveal = z
  .object({
    reveal_id: z.string(),
    request_id: z.string(),
    reason: z.string(),
    asked_by: z.string(),
    asked_at: z.string(),
    needs_approval: z.boolean(),
    approved_by: z.string().nullable(),
    approved_at: z.string().nullable(),
    expires_at: z.string(),
  })
  .meta({ id: 'PayloadReveal' });

const revealed = z
  .object({
    direction: z.enum(['request', 'response']),
    content_type: z.string(),
    body_bytes: z.int(),
    truncated: z.boolean(),
    digest: z.string(),
    body: z.base64(),
  })
  .meta({ id: 'RevealedPayload' });

const byId = z.object({ id: z.uuid() });

/** Reading what was asked and answered: with a reason, and with a second person's approval where that is configured. */
export function revealRoutes(vault: VaultParts): Route[] {
  return [
    route({
      method: 'POST',
      path: '/v1/payloads/reveals',
      access: { scope: 'payloads:reveal' },
      operationId: 'askReveal',
      summary: 'Ask to read the payloads of a request',
      tag: 'payloads',
      body: z.strictObject({
        request_id: z.uuid(),
        reason: z.string().trim().min(1).max(MAX_REASON_CHARACTERS),
      }),
      answers: { 201: reveal },
      problems: [PROBLEMS.notFound],
      async handle({ body, principal, reach }) {
        const who = { actor: actorOf(principal), reach };
        const asked = await askReveal(vault, who, { requestId: body.request_id, reason: body.reason });
        return { status: 201, body: asked };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/payloads/reveals/:id/approval',
      access: { scope: 'payloads:reveal' },
      operationId: 'approveReveal',
      summary: "Approve somebody else's reveal",
      tag: 'payloads',
      params: byId,
      answers: { 200: reveal },
      problems: [PROBLEMS.notFound, VAULT_PROBLEMS.settled, VAULT_PROBLEMS.approverNotAllowed],
      async handle({ params, principal, reach }) {
        return {
          status: 200,
          body: await approveReveal(vault, { actor: actorOf(principal), reach }, params.id),
        };
      },
    }),
    route({
      method: 'GET',
      path: '/v1/payloads/reveals/:id/content',
      access: { scope: 'payloads:reveal' },
      operationId: 'readRevealed',
      summary: 'Read the payloads that a reveal is about',
      description: 'Each reading is an admin event.',
      tag: 'payloads',
      params: byId,
      answers: { 200: z.object({ payloads: z.array(revealed) }) },
      problems: [
        PROBLEMS.notFound,
        VAULT_PROBLEMS.needsApproval,
        VAULT_PROBLEMS.approverNotAllowed,
        VAULT_PROBLEMS.settled,
        VAULT_PROBLEMS.payloadErased,
      ],
      async handle({ params, principal, reach }) {
        const payloads = await readPayloads(vault, { actor: actorOf(principal), reach }, params.id);
        return {
          status: 200,
          body: {
            payloads: payloads.map(({ direction, contentType, bodyBytes, truncated, digest, body }) => ({
              direction,
              content_type: contentType,
              body_bytes: bodyBytes,
              truncated,
              digest,
              body: body.toString('base64'),
            })),
          },
        };
      },
    }),
  ];
}
