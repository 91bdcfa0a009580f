import type { Pool } from '@tollgate/database';
import {
  cursorCodec,
  PROBLEMS,
  type ProblemKind,
  pageFrom,
  pageOf,
  pageQuery,
  type Reach,
  type Route,
  reaches,
  route,
} from '@tollgate/http';
import { z } from 'zod';
import type { EntityKind } from '../entities/entity-kind.ts';
import { id, name, version } from '../entities/values.ts';
import { DIRECTORY_PROBLEMS, notFound } from '../errors.ts';
import type { DirectoryWriter } from '../store/directory-writer.ts';
import { placeOf, type Row } from '../store/entity-table.ts';

export type EntityRoutesOptions = { readonly pool: Pool; readonly writer: DirectoryWriter };

const cursors = cursorCodec(z.strictObject({ after: z.string().max(128) }));

/** Query members hold text, so a version in one is read as a number. */
const versionInQuery = z
  .string()
  .regex(/^[1-9]\d{0,8}$/, { error: 'must be a version' })
  .transform(Number)
  .optional()
  .meta({ jsonSchema: { type: 'integer', minimum: 1, maximum: 999_999_999 } });

/** List, read, create, change and delete for one kind: what its description allows. */
export function entityRoutes(kind: EntityKind, options: EntityRoutesOptions): Route[] {
  return [
    listRoute(kind, options),
    readRoute(kind, options),
    ...(kind.creation === null ? [] : [createRoute(kind, kind.creation, options)]),
    ...(kind.change === null ? [] : [changeRoute(kind, kind.change, options)]),
    deleteRoute(kind, options),
  ];
}

/** Schema of what the API shows of a kind, under its name in the OpenAPI document. */
export function shownSchema(kind: EntityKind): z.ZodObject {
  const known = shownSchemas.get(kind);
  if (known !== undefined) return known;
  const schema = kind.shown.meta({ id: kind.title });
  shownSchemas.set(kind, schema);
  return schema;
}
const shownSchemas = new Map<EntityKind, z.ZodObject>();

/** @throws HttpProblem 404 for what is not there or lies beyond the reach */
export function assertFound(kind: EntityKind, row: Row | undefined, reach: Reach): Row {
  const place = row === undefined ? undefined : placeOf(kind.store.table, row);
  if (row === undefined || place === undefined || !reaches(reach, place.organisationId, place.teamId)) {
    throw notFound(kind.noun);
  }
  return row;
}

/** The path and schema of one entity's routes. */
export function onePath(kind: EntityKind) {
  return { path: `/v1/${kind.path}/:id`, params: z.strictObject({ id }) };
}

/** From a creation to what can be done with the created. */
export function linksTo(kind: EntityKind) {
  const parameters = { id: '$response.body#/id' };
  return {
    read: { operationId: `get${kind.title}`, parameters },
    delete: { operationId: `delete${kind.title}`, parameters },
    ...(kind.change === null ? {} : { change: { operationId: `update${kind.title}`, parameters } }),
  };
}

function listRoute(kind: EntityKind, { pool }: EntityRoutesOptions): Route {
  const filters = Object.fromEntries(
    kind.filters.map((column) => [column, column === 'name' ? name.optional() : id.optional()]),
  );
  return route({
    method: 'GET',
    path: `/v1/${kind.path}`,
    access: { scope: kind.readScope },
    operationId: `list${kind.title}s`,
    summary: `List ${kind.noun}s, oldest first`,
    tag: kind.path,
    query: z.strictObject({ ...pageQuery, ...filters }),
    answers: { 200: pageOf(shownSchema(kind)) },
    problems: [PROBLEMS.invalidCursor],
    async handle({ query, reach }) {
      const { limit, cursor, ...given } = query;
      const rows = await kind.store.list(pool, {
        reach,
        filters: given as Record<string, string | undefined>,
        after: cursor === undefined ? '' : cursors.decode(cursor).after,
        limit: limit + 1,
      });
      return { status: 200, body: pageFrom(rows, limit, cursors, (row) => ({ after: row.id })) };
    },
  });
}

function readRoute(kind: EntityKind, { pool }: EntityRoutesOptions): Route {
  return route({
    ...onePath(kind),
    method: 'GET',
    access: { scope: kind.readScope },
    operationId: `get${kind.title}`,
    summary: `Read one ${kind.noun}`,
    tag: kind.path,
    answers: { 200: shownSchema(kind) },
    problems: [PROBLEMS.notFound],
    async handle({ params, reach }) {
      return { status: 200, body: assertFound(kind, await kind.store.get(pool, params.id), reach) };
    },
  });
}

function createRoute(kind: EntityKind, creation: z.ZodObject, { writer }: EntityRoutesOptions): Route {
  const shown = shownSchema(kind);
  const created =
    kind.secret === undefined
      ? shown
      : shown.extend({ secret: z.string().describe('shown this once') }).meta({ id: `Created${kind.title}` });
  return route({
    method: 'POST',
    path: `/v1/${kind.path}`,
    access: { scope: kind.writeScope },
    operationId: `create${kind.title}`,
    summary: `Create one ${kind.noun}`,
    tag: kind.path,
    body: creation,
    answers: { 201: created },
    problems: [PROBLEMS.outOfReach, ...WRITE_PROBLEMS],
    links: { 201: linksTo(kind) },
    async handle(call) {
      const { row, secret } = await writer.create(call, kind, call.body);
      return {
        status: 201,
        headers: { location: `/v1/${kind.path}/${row.id}` },
        body: secret === null ? row : { ...row, secret },
      };
    },
  });
}

function changeRoute(kind: EntityKind, change: z.ZodObject, { writer }: EntityRoutesOptions): Route {
  return route({
    ...onePath(kind),
    method: 'PATCH',
    access: { scope: kind.writeScope },
    operationId: `update${kind.title}`,
    summary: `Change one ${kind.noun}`,
    description:
      '`version` is the one that the change was decided on; one that was changed since is refused.',
    tag: kind.path,
    body: change.extend({ version }),
    answers: { 200: shownSchema(kind) },
    problems: [PROBLEMS.notFound, PROBLEMS.versionConflict, ...WRITE_PROBLEMS],
    async handle(call) {
      const body = { ...call.body, version: Number(call.body['version']) };
      return { status: 200, body: await writer.update(call, kind, call.params.id, body) };
    },
  });
}

function deleteRoute(kind: EntityKind, { writer }: EntityRoutesOptions): Route {
  return route({
    ...onePath(kind),
    method: 'DELETE',
    access: { scope: kind.writeScope },
    operationId: `delete${kind.title}`,
    summary: kind.secret === undefined ? `Delete one ${kind.noun}` : `Revoke one ${kind.noun}`,
    description: 'With `version`, only if it is still at that version.',
    tag: kind.path,
    query: z.strictObject({ version: versionInQuery }),
    answers: { 204: null },
    problems: [
      PROBLEMS.notFound,
      PROBLEMS.versionConflict,
      DIRECTORY_PROBLEMS.inUse,
      ...(kind.beforeDelete === undefined ? [] : [DIRECTORY_PROBLEMS.lastAdministrator]),
    ],
    async handle(call) {
      await writer.delete(call, kind, call.params.id, call.query.version);
      return { status: 204 };
    },
  });
}

const WRITE_PROBLEMS: readonly ProblemKind[] = [
  DIRECTORY_PROBLEMS.nameTaken,
  DIRECTORY_PROBLEMS.unknownReference,
  DIRECTORY_PROBLEMS.invalidValue,
];
