import { HttpProblem, PROBLEMS, type Reach, type Route, route } from '@tollgate/http';
import { z } from 'zod';
import { VAULT_PROBLEMS } from '../../errors.ts';
import { actorOf } from '../admin-events.ts';
import { erasureAnswer, holdAnswer, type verificationAnswer } from '../custody-answers.ts';
import { erase } from '../erasure/erase.ts';
import { beforeErasure, type Verification } from '../erasure/verify.ts';
import { listHolds, placeHold, releaseHold } from '../holds.ts';
import { rotateKeys } from '../keys/rotate.ts';
import { type PayloadScope, payloadScope } from '../scope.ts';
import type { VaultParts } from '../vault-parts.ts';

/** Erasing a team's payloads, or reading a disk through, takes its time; Node's own `fetch` waits five minutes at most. */
const LONG_MS = 290_000;
const MAX_REASON_CHARACTERS = 1000;

const reason = z.string().trim().min(1).max(MAX_REASON_CHARACTERS);

/** Holds, erasure, and the rotation of keys. */
export function custodyRoutes(vault: VaultParts): Route[] {
  return [
    route({
      method: 'POST',
      path: '/v1/payloads/holds',
      access: { scope: 'payloads:erase' },
      operationId: 'placeHold',
      summary: 'Keep payloads from erasure and expiry',
      description: 'Those that are to come as well, until the hold is released.',
      tag: 'payloads',
      body: z.strictObject({ scope: payloadScope, reason }),
      answers: { 201: holdAnswer },
      problems: [PROBLEMS.outOfReach],
      async handle({ body, principal, reach }) {
        const scope = scopeWithin(body.scope, reach);
        return {
          status: 201,
          body: await placeHold(vault, { actor: actorOf(principal), scope, reason: body.reason }),
        };
      },
    }),
    route({
      method: 'GET',
      path: '/v1/payloads/holds',
      access: { scope: 'payloads:erase' },
      operationId: 'listHolds',
      summary: 'Legal holds, those in force first',
      tag: 'payloads',
      answers: { 200: z.object({ holds: z.array(holdAnswer) }) },
      async handle({ reach }) {
        const holds = await listHolds(vault);
        return { status: 200, body: { holds: holds.filter(({ scope }) => isWithin(scope, reach)) } };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/payloads/holds/:id/release',
      access: { scope: 'payloads:erase' },
      operationId: 'releaseHold',
      summary: 'End a legal hold',
      tag: 'payloads',
      params: z.object({ id: z.uuid() }),
      body: z.strictObject({ reason }),
      answers: { 200: holdAnswer },
      problems: [PROBLEMS.notFound, VAULT_PROBLEMS.holdReleased],
      async handle({ params, body, principal, reach }) {
        const known = (await listHolds(vault)).find(({ hold_id }) => hold_id === params.id);
        if (known !== undefined && !isWithin(known.scope, reach)) {
          throw new HttpProblem(PROBLEMS.notFound, 'there is no such hold');
        }
        const release = { actor: actorOf(principal), holdId: params.id, reason: body.reason };
        return { status: 200, body: await releaseHold(vault, release) };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/payloads/erasures',
      access: { scope: 'payloads:erase' },
      operationId: 'erasePayloads',
      summary: 'Erase payloads of a team, a user or a request for good',
      description:
        'Their keys and bodies are gone from the disk when this is answered. `verify` reads the configured folders through before and after, for the bytes that have to be gone.',
      tag: 'payloads',
      timeoutMs: LONG_MS,
      body: z.strictObject({ scope: payloadScope, reason, verify: z.boolean().default(false) }),
      answers: { 200: erasureAnswer },
      problems: [PROBLEMS.outOfReach, PROBLEMS.unprocessable, VAULT_PROBLEMS.legalHold],
      async handle({ body, principal, reach }) {
        const scope = scopeWithin(body.scope, reach);
        const { team, user, end_user: endUser, request_id: requestId } = scope;
        if ([team, user, endUser, requestId].every((member) => member === undefined)) {
          throw new HttpProblem(PROBLEMS.unprocessable, 'name a team, a user, an end_user or a request_id');
        }
        const look = body.verify ? await beforeErasure(vault, scope) : null;
        const { erasureId, erasedAt, payloads } = await erase(vault, {
          actor: actorOf(principal),
          scope,
          reason: body.reason,
        });
        const found = look === null ? null : viewOf(await look());
        return {
          status: 200,
          body: { erasure_id: erasureId, erased_at: erasedAt, payloads, verification: found },
        };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/payloads/key-rotations',
      access: { scope: 'payloads:keys' },
      operationId: 'rotateVaultKeys',
      summary: 'Have another master key wrap what there is, and destroy the one before',
      description: 'Older copies of the key files are worthless from then on: make a new backup of them.',
      tag: 'payloads',
      timeoutMs: LONG_MS,
      body: z.strictObject({ reason }),
      answers: { 200: z.object({ rewrapped: z.int(), old_keys_destroyed: z.boolean() }) },
      async handle({ body, principal }) {
        const rotation = await rotateKeys(vault, { actor: actorOf(principal), reason: body.reason });
        return {
          status: 200,
          body: { rewrapped: rotation.rewrapped, old_keys_destroyed: rotation.oldKeysDestroyed },
        };
      },
    }),
  ];
}

/** The scope as far as the token reaches. @throws HttpProblem `out_of_reach` */
function scopeWithin(scope: PayloadScope, reach: Reach): PayloadScope {
  const narrowed =
    reach.organisationId !== null && scope.organisation === undefined
      ? { ...scope, organisation: reach.organisationId }
      : scope;
  if (isWithin(narrowed, reach)) return narrowed;
  throw new HttpProblem(PROBLEMS.outOfReach, 'name an organisation and a team that the token reaches');
}

function isWithin({ organisation, team }: PayloadScope, reach: Reach): boolean {
  if (reach.organisationId !== null && organisation !== reach.organisationId) return false;
  return reach.teamIds === null || (team !== undefined && reach.teamIds.has(team));
}

function viewOf({
  samples,
  foundBefore,
  folders,
  files,
  bytes,
  found,
  unread,
}: Verification): z.input<typeof verificationAnswer> {
  return {
    samples,
    found_before: foundBefore,
    folders: [...folders],
    files,
    bytes,
    found: [...found],
    unread: [...unread],
  };
}
