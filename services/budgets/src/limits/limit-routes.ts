import type { Pool } from '@tollgate/database';
import { cursorCodec, PROBLEMS, pageFrom, pageOf, pageQuery, type Route, route } from '@tollgate/http';
import { z } from 'zod';
import { BUDGETS_PROBLEMS } from '../problems.ts';
import { listLimits } from './limit-query.ts';
import { id, limitDraft, limitEdit, showLimit, shownLimit } from './limit-schema.ts';
import { type LimitWriter, notFound } from './limit-writer.ts';

const cursor = cursorCodec(z.strictObject({ after: z.string().max(128) }));
const params = z.strictObject({ id });
const versionInQuery = z
  .string()
  .regex(/^[1-9]\d{0,8}$/, { error: 'must be a version' })
  .transform(Number)
  .optional()
  .meta({ jsonSchema: { type: 'integer', minimum: 1, maximum: 999_999_999 } });

const parameters = { id: '$response.body#/limit_id' };
const LINKS = {
  read: { operationId: 'getLimit', parameters },
  change: { operationId: 'updateLimit', parameters },
  delete: { operationId: 'deleteLimit', parameters },
};

/** `/v1/limits`: list, create, read, change, delete. */
export function limitRoutes(parts: { readonly pool: Pool; readonly writer: LimitWriter }): Route[] {
  const { pool, writer } = parts;
  return [
    route({
      method: 'GET',
      path: '/v1/limits',
      access: { scope: 'limits:read' },
      operationId: 'listLimits',
      summary: 'List limits, oldest first',
      tag: 'limits',
      query: z.strictObject({ ...pageQuery, organisation_id: id.optional(), team: id.optional() }),
      answers: { 200: pageOf(shownLimit) },
      problems: [PROBLEMS.invalidCursor],
      async handle({ query, reach }) {
        const after = query.cursor === undefined ? '' : cursor.decode(query.cursor).after;
        const limits = await listLimits(
          pool,
          { reach, organisationId: query.organisation_id, teamId: query.team },
          { after, limit: query.limit + 1 },
        );
        const page = pageFrom(limits, query.limit, cursor, ({ limitId }) => ({ after: limitId }));
        return { status: 200, body: { items: page.items.map(showLimit), next_cursor: page.next_cursor } };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/limits',
      access: { scope: 'limits:write' },
      operationId: 'createLimit',
      summary: 'Create one limit',
      description:
        'It counts what is requested from now on. Its scope, unit, window, time zone and currency are for good.',
      tag: 'limits',
      body: limitDraft,
      answers: { 201: shownLimit },
      problems: [
        PROBLEMS.outOfReach,
        BUDGETS_PROBLEMS.limitExists,
        BUDGETS_PROBLEMS.limitInvalid,
        BUDGETS_PROBLEMS.unknownReference,
      ],
      links: { 201: LINKS },
      async handle({ principal, reach, body }) {
        const limit = await writer.create({ principal, reach }, body);
        return {
          status: 201,
          headers: { location: `/v1/limits/${limit.limitId}` },
          body: showLimit(limit),
        };
      },
    }),
    route({
      method: 'GET',
      path: '/v1/limits/:id',
      access: { scope: 'limits:read' },
      operationId: 'getLimit',
      summary: 'Read one limit',
      tag: 'limits',
      params,
      answers: { 200: shownLimit },
      problems: [PROBLEMS.notFound],
      async handle({ params: { id: limitId }, reach }) {
        const [limit] = await listLimits(pool, { reach, limitId }, { after: '', limit: 1 });
        if (limit === undefined) throw notFound();
        return { status: 200, body: showLimit(limit) };
      },
    }),
    route({
      method: 'PATCH',
      path: '/v1/limits/:id',
      access: { scope: 'limits:write' },
      operationId: 'updateLimit',
      summary: 'Change the amount or strictness of one limit',
      description: 'What was used stays used. `version` is the one that the change was decided on.',
      tag: 'limits',
      params,
      body: limitEdit,
      answers: { 200: shownLimit },
      problems: [PROBLEMS.notFound, PROBLEMS.versionConflict, BUDGETS_PROBLEMS.limitInvalid],
      async handle({ params: { id: limitId }, principal, reach, body }) {
        return { status: 200, body: showLimit(await writer.update({ principal, reach }, limitId, body)) };
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/limits/:id',
      access: { scope: 'limits:write' },
      operationId: 'deleteLimit',
      summary: 'Delete one limit',
      description: 'With `version`, only if it is still at that version.',
      tag: 'limits',
      params,
      query: z.strictObject({ version: versionInQuery }),
      answers: { 204: null },
      problems: [PROBLEMS.notFound, PROBLEMS.versionConflict],
      async handle({ params: { id: limitId }, principal, reach, query }) {
        await writer.delete({ principal, reach }, limitId, query.version);
        return { status: 204 };
      },
    }),
  ];
}
