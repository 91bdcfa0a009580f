import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { PROBLEMS } from '../errors.ts';
import { queryInteger } from './input.ts';
import { openApiDocument } from './open-api.ts';
import { pageOf, pageQuery } from './pagination.ts';
import { route } from './route.ts';

const thing = z.object({ id: z.string(), parent: z.string().nullable() }).meta({ id: 'TestThing' });

const routes = [
  route({
    method: 'GET',
    path: '/v1/things',
    access: { scope: 'directory:read' },
    operationId: 'listThings',
    summary: 'List',
    query: z.strictObject({ ...pageQuery, since: z.iso.datetime() }),
    answers: { 200: pageOf(thing) },
    problems: [PROBLEMS.invalidCursor],
    handle: () => ({
      status: 200,
      body: { items: [] as { id: string; parent: string | null }[], next_cursor: null },
    }),
  }),
  route({
    method: 'POST',
    path: '/v1/things/:thingId/parts',
    access: { scope: 'directory:write' },
    operationId: 'createPart',
    summary: 'Create',
    params: z.strictObject({ thingId: z.string().max(10) }),
    body: z.strictObject({ name: z.string(), inner: z.strictObject({ n: z.int().default(1) }) }),
    answers: { 201: thing, 202: null },
    problems: [PROBLEMS.notFound, PROBLEMS.conflict, PROBLEMS.versionConflict],
    links: { 201: { read: { operationId: 'listThings', parameters: { since: '$response.body#/id' } } } },
    handle: () => ({ status: 202 }),
  }),
];

// biome-ignore lint/suspicious/noExplicitAny: the document is JSON
const document: any = openApiDocument({ title: 'Things', version: '1' }, routes);

describe('an operation', () => {
  const list = document.paths['/v1/things'].get;
  const create = document.paths['/v1/things/{thingId}/parts'].post;

  test('lists every status that it can answer with', () => {
    expect(Object.keys(list.responses)).toEqual(['200', '400', '401', '403', '405', '500', '503', '504']);
    expect(Object.keys(create.responses)).toEqual([
      '201',
      '202',
      '400',
      '401',
      '403',
      '404',
      '405',
      '409',
      '413',
      '415',
      '500',
      '503',
      '504',
    ]);
  });

  test('names the codes of a status, and the headers that come with it', () => {
    expect(create.responses['409'].description).toContain('`version_conflict`');
    expect(create.responses['409'].description).toContain('`conflict`');
    expect(Object.keys(create.responses['405'].headers)).toEqual(['Allow']);
    expect(Object.keys(create.responses['401'].headers)).toEqual(['WWW-Authenticate']);
  });

  test('takes strict bodies, at every depth, in which a default is no duty', () => {
    const schema = create.requestBody.content['application/json'].schema;
    expect(schema.additionalProperties).toBe(false);
    expect(schema.properties.inner.additionalProperties).toBe(false);
    expect(schema.properties.inner.required ?? []).toEqual([]);
  });

  test('states parameters with their bounds, and whether they are needed', () => {
    const stated = Object.fromEntries(list.parameters.map((each: { name: string }) => [each.name, each]));
    expect(stated['limit']).toMatchObject({ in: 'query', required: false });
    expect(stated['limit'].schema).toEqual({ type: 'integer', minimum: 1, maximum: 500, default: 100 });
    expect(stated['since']).toMatchObject({
      required: true,
      schema: { type: 'string', format: 'date-time' },
    });
    expect(create.parameters).toMatchObject([
      { name: 'thingId', in: 'path', required: true, schema: { maxLength: 10 } },
    ]);
  });

  test('names its scope and its bearer token, and links to what can follow', () => {
    expect(create.security).toEqual([{ bearer: [] }]);
    expect(create.description).toContain('directory:write');
    expect(create.responses['201'].links.read.operationId).toBe('listThings');
  });

  test('refers to named schemas that are there', () => {
    const names = Object.keys(document.components.schemas);
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)];
    expect(new Set(references.map(([, name]) => name))).toEqual(new Set(['TestThing', 'Problem']));
    expect(names.toSorted()).toEqual(['Problem', 'TestThing']);
    expect(JSON.stringify(document)).not.toContain('$defs');
  });
});

test('two different schemas of one name stop the start', () => {
  const make = (operationId: string, path: string, schema: z.ZodType) =>
    route({
      method: 'GET',
      path,
      access: { scope: 'directory:read' },
      operationId,
      summary: 'x',
      answers: { 200: schema },
      handle: () => ({ status: 200, body: {} }),
    });
  const twin = z.object({ other: z.string() });
  // A name is global in zod, so the second takes it from the first only in another registry entry.
  const first = z.object({ a: z.object({ b: z.string() }).meta({ id: 'TestTwin' }) });
  expect(() =>
    openApiDocument({ title: 'x', version: '1' }, [
      make('one', '/one', first),
      make('two', '/two', z.object({ a: twin.meta({ id: 'TestTwin' }) })),
    ]),
  ).toThrow(expect.objectContaining({ code: 'route_duplicate' }));
});

test('an integer in a query is decimal digits within bounds', () => {
  const limit = queryInteger({ min: 1, max: 10, default: 5 });
  expect(limit.parse('10')).toBe(10);
  expect(limit.parse(undefined)).toBe(5);
  for (const wrong of ['0', '11', '', ' 1', '1e1', '-1', '1.0', '9'.repeat(30)]) {
    expect(limit.safeParse(wrong).success).toBe(false);
  }
});
