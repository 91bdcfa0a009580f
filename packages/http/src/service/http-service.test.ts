import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { HttpProblem, PROBLEMS } from '../errors.ts';
import { serviceUnderTest } from '../testing/service-under-test.ts';
import type { HttpService } from './http-service.ts';
import { type Route, route } from './route.ts';

const READ = { authorization: 'Bearer directory.read' };

const open: HttpService[] = [];
afterEach(async () => {
  for (const service of open.splice(0)) await service.stop();
});

async function listening(...args: Parameters<typeof serviceUnderTest>) {
  const service = serviceUnderTest(...args);
  open.push(service);
  return { service, ...(await service.listen({ host: '127.0.0.1', port: 0 })) };
}

const echo = route({
  method: 'POST',
  path: '/v1/echo/:id',
  access: { scope: 'directory:read' },
  operationId: 'echo',
  summary: 'Says it again',
  params: z.strictObject({ id: z.string().max(5) }),
  query: z.strictObject({ loud: z.enum(['yes', 'no']).optional() }),
  body: z.strictObject({ name: z.string().max(5), nested: z.strictObject({ n: z.int() }).optional() }),
  answers: { 200: z.object({ id: z.string(), name: z.string(), loud: z.boolean() }) },
  bodyLimitBytes: 1_000,
  handle: ({ params, query, body }) => ({
    status: 200,
    body: { id: params.id, name: body.name, loud: query.loud === 'yes' },
  }),
});

function answering(answers: Route['answers'], handle: Route['handle'], more: Partial<Route> = {}): Route {
  return {
    method: 'GET',
    path: '/v1/it',
    access: { scope: 'directory:read' },
    operationId: 'getIt',
    summary: 'It',
    answers,
    handle,
    ...more,
  };
}

describe('a route', () => {
  test('without an access rule, or open without being a health check, stops the start', () => {
    const wrong: unknown[] = [
      undefined,
      {},
      { public: true },
      { scope: 'made:up' },
      { scope: 'directory:read', public: true },
    ];
    for (const access of wrong) {
      expect(() => serviceUnderTest([{ ...echo, access } as Route])).toThrow(
        expect.objectContaining({ code: 'route_access' }),
      );
    }
  });

  test('declared twice stops the start', () => {
    expect(() => serviceUnderTest([echo, echo])).toThrow(
      expect.objectContaining({ code: 'route_duplicate' }),
    );
  });

  test('gives its handler what its schemas made of the input', async () => {
    const service = serviceUnderTest([echo]);
    const answer = await service.inject({
      method: 'POST',
      url: '/v1/echo/a%20b?loud=yes',
      headers: READ,
      payload: { name: 'x' },
    });
    expect([answer.statusCode, answer.json()]).toEqual([200, { id: 'a b', name: 'x', loud: true }]);
  });
});

test('a route that takes bytes gets them as they came, and no route takes the other kind', async () => {
  const seen: Buffer[] = [];
  const bytes = route({
    method: 'POST',
    path: '/v1/bytes',
    access: { scope: 'directory:read' },
    operationId: 'takeBytes',
    summary: 'Takes bytes',
    takesBytes: true,
    answers: { 204: null },
    handle({ bytes: given }) {
      seen.push(given);
      return { status: 204 };
    },
  });
  const service = serviceUnderTest([bytes, echo]);
  const post = async (url: string, type: string, payload: Buffer | string) =>
    (await service.inject({ method: 'POST', url, headers: { ...READ, 'content-type': type }, payload }))
      .statusCode;
  const body = Buffer.of(0, 255, 123, 34);
  expect(await post('/v1/bytes', 'application/octet-stream', body)).toBe(204);
  expect(seen).toEqual([body]);
  expect(await post('/v1/bytes', 'application/json', '{}')).toBe(415);
  expect(await post('/v1/echo/a', 'application/octet-stream', '{"name":"a"}')).toBe(415);
});

describe('a refusal', () => {
  const service = serviceUnderTest([echo]);
  const call = async (payload: string | undefined, change: object = {}) => {
    const answer = await service.inject({
      method: 'POST',
      url: '/v1/echo/a',
      headers: { ...READ, ...(payload === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(payload === undefined ? {} : { payload }),
      ...change,
    });
    return { status: answer.statusCode, mediaType: answer.headers['content-type'], ...answer.json() };
  };

  test.each([
    ['{"name":"too long"}', 'body', 'name'],
    ['{"name":1}', 'body', 'name'],
    ['{}', 'body', 'name'],
    ['{"name":"a","nested":{"n":1.5}}', 'body', 'nested.n'],
    ['{"name":"a","nested":{"n":1,"x":1}}', 'body', 'nested.x'],
    ['{"name":"a","more":1}', 'body', 'more'],
    ['{"name":"a","__proto__":{}}', 'body', '__proto__'],
    ['[]', 'body', ''],
    ['null', 'body', ''],
    ['', 'body', ''],
  ])('of the body %s is 400 and names the member', async (payload, where, field) => {
    expect(await call(payload)).toMatchObject({
      status: 400,
      code: 'invalid_request',
      mediaType: 'application/problem+json; charset=utf-8',
      errors: [{ in: where, field }],
    });
  });

  test('of path and query names the parameter', async () => {
    expect(await call('{"name":"a"}', { url: '/v1/echo/abcdef' })).toMatchObject({
      errors: [{ in: 'path', field: 'id' }],
    });
    expect(await call('{"name":"a"}', { url: '/v1/echo/a?loud=maybe' })).toMatchObject({
      errors: [{ in: 'query', field: 'loud' }],
    });
    expect(await call('{"name":"a"}', { url: '/v1/echo/a?quiet=1' })).toMatchObject({
      errors: [{ in: 'query', field: 'quiet' }],
    });
    expect(await call('{"name":"a"}', { url: '/v1/echo/a%00' })).toMatchObject({
      errors: [{ in: 'path', field: 'id' }],
    });
    expect(await call('{"name":"a"}', { url: '/v1/echo/a?loud=yes&loud=yes' })).toMatchObject({
      errors: [{ in: 'query', field: 'loud' }],
    });
  });

  test('never quotes what was sent', async () => {
    const bodies = await Promise.all(
      ['{"name":"s3cret-value"}', '{"name":"a","nested":"s3cret"}', '{"s3cr', '"s3cret"'].map((body) =>
        call(body),
      ),
    );
    expect(JSON.stringify(bodies)).not.toContain('s3cr');
  });

  test('of no JSON, another type and too much', async () => {
    expect(await call('{"name"')).toMatchObject({ status: 400, code: 'bad_json' });
    expect(
      await call('name=a', { headers: { ...READ, 'content-type': 'application/x-www-form-urlencoded' } }),
    ).toMatchObject({
      status: 415,
      code: 'unsupported_media_type',
    });
    expect(await call(`{"name":"${'a'.repeat(1_000)}"}`)).toMatchObject({
      status: 413,
      code: 'body_too_large',
    });
  });

  test('of a caller without the right comes before the body is looked at', async () => {
    expect(await call('{"name"', { headers: { 'content-type': 'application/json' } })).toMatchObject({
      status: 401,
      code: 'token_missing',
    });
    const headers = { authorization: 'Bearer report.read', 'content-type': 'text/plain' };
    expect(await call('{"name"', { headers })).toMatchObject({ status: 403, code: 'scope_missing' });
  });

  test('carries the request id, a sane one of the caller or a new one', async () => {
    const given = await service.inject({ url: '/v1/none', headers: { 'x-request-id': 'abc-1' } });
    expect([given.headers['x-request-id'], given.json().request_id]).toEqual(['abc-1', 'abc-1']);
    const made = await service.inject({ url: '/v1/none', headers: { 'x-request-id': 'a b' } });
    expect(made.json().request_id).toMatch(/^[0-9a-f-]{36}$/);
  });

  test('of a path that is no text, too long, or unknown', async () => {
    expect(await call(undefined, { url: '/v1/echo/%ff%' })).toMatchObject({
      status: 400,
      code: 'bad_request',
    });
    expect(await call(undefined, { url: `/v1/echo/${'a'.repeat(300)}` })).toMatchObject({ status: 404 });
    expect(await call(undefined, { url: '/nothing' })).toMatchObject({
      status: 404,
      code: 'route_not_found',
    });
  });

  test('of a method that a path does not have lists those that it has', async () => {
    for (const method of ['GET', 'HEAD', 'OPTIONS', 'TRACE', 'DELETE', 'QUERY'] as const) {
      const answer = await service.inject({ method, url: '/v1/echo/a', headers: READ });
      expect([method, answer.statusCode, answer.headers.allow]).toEqual([method, 405, 'POST']);
    }
    const answer = await service.inject({ method: 'POST', url: '/healthz' });
    expect([answer.statusCode, answer.headers.allow]).toEqual([405, 'GET, HEAD']);
  });

  test('of a body where none is taken', async () => {
    const bodiless = serviceUnderTest([
      answering({ 204: null }, async () => ({ status: 204 }), { method: 'DELETE' }),
    ]);
    const answer = await bodiless.inject({
      method: 'DELETE',
      url: '/v1/it',
      headers: READ,
      payload: { a: 1 },
    });
    expect([answer.statusCode, answer.json().code]).toEqual([400, 'invalid_request']);
    // Many clients name the type of the body that they do not send.
    const headers = { ...READ, 'content-type': 'application/json' };
    expect((await bodiless.inject({ method: 'DELETE', url: '/v1/it', headers })).statusCode).toBe(204);
  });
});

describe('an answer', () => {
  test('is what the route declares: members beyond it are left out, anything else is 500 without a word', async () => {
    const schema = z.object({ name: z.string() });
    const of = async (handle: Route['handle'], answers: Route['answers'] = { 200: schema }) => {
      const answer = await serviceUnderTest([answering(answers, handle)]).inject({
        url: '/v1/it',
        headers: READ,
      });
      return [answer.statusCode, answer.json()];
    };
    expect(await of(async () => ({ status: 200, body: { name: 'a', sha256: 'secret' } }))).toEqual([
      200,
      { name: 'a' },
    ]);
    for (const wrong of [
      async () => ({ status: 200, body: { name: 1 } }),
      async () => ({ status: 201, body: { name: 'a' } }),
      async () => ({ status: 200, raw: 'a', contentType: 'text/plain' }),
      () => Promise.reject(new Error('password=hunter2')),
    ]) {
      const [status, body] = await of(wrong);
      expect(status).toBe(500);
      expect(body).toMatchObject({ code: 'internal' });
      expect(JSON.stringify(body)).not.toContain('hunter2');
    }
  });

  test('can be text or a stream, of the declared types', async () => {
    const csv = { raw: [{ contentType: 'text/csv' }] };
    const { url } = await listening([
      answering({ 200: csv }, async () => ({
        status: 200,
        contentType: 'text/csv',
        raw: Readable.from(['a,b\n', '1,2\n']),
      })),
    ]);
    const answer = await fetch(`${url}/v1/it`, { headers: READ });
    expect([answer.headers.get('content-type'), await answer.text()]).toEqual(['text/csv', 'a,b\n1,2\n']);
  });

  test('that breaks off is not taken for a whole one', async () => {
    async function* broken() {
      yield 'a,b\n';
      await new Promise((resolve) => setImmediate(resolve));
      throw new Error('the disk is gone');
    }
    const { url } = await listening([
      answering({ 200: { raw: [{ contentType: 'text/csv' }] } }, async () => ({
        status: 200,
        contentType: 'text/csv',
        raw: Readable.from(broken()),
      })),
    ]);
    const answer = await fetch(`${url}/v1/it`, { headers: READ });
    await expect(answer.text()).rejects.toThrow();
  });

  test('is 503 with retry-after where a dependency is away', async () => {
    const away = new Error('connect ECONNREFUSED');
    const service = serviceUnderTest([answering({ 204: null }, () => Promise.reject(away))], {
      isUnavailable: (error) => error === away,
    });
    const answer = await service.inject({ url: '/v1/it', headers: READ });
    expect([answer.statusCode, answer.json().code, answer.headers['retry-after']]).toEqual([
      503,
      'unavailable',
      '1',
    ]);
  });
});

describe('a deadline', () => {
  test('ends the wait for a handler with 504, and tells the handler', async () => {
    const told = Promise.withResolvers<unknown>();
    const slow = answering(
      { 204: null },
      ({ signal }) =>
        new Promise(() => {
          signal.addEventListener('abort', () => told.resolve(signal.reason));
        }),
      { timeoutMs: 20 },
    );
    const answer = await serviceUnderTest([slow]).inject({ url: '/v1/it', headers: READ });
    expect([answer.statusCode, answer.json().code]).toEqual([504, 'deadline_exceeded']);
    expect(await told.promise).toBeInstanceOf(HttpProblem);
  });

  test('tells a handler that its caller has gone', async () => {
    const told = Promise.withResolvers<unknown>();
    const begun = Promise.withResolvers<void>();
    const { url } = await listening([
      answering({ 204: null }, ({ signal }) => {
        begun.resolve();
        return new Promise((resolve) => {
          signal.addEventListener('abort', () => {
            told.resolve(signal.reason);
            resolve({ status: 204 });
          });
        });
      }),
    ]);
    const caller = new AbortController();
    const call = fetch(`${url}/v1/it`, { headers: READ, signal: caller.signal });
    await begun.promise;
    caller.abort();
    await expect(call).rejects.toThrow();
    expect(String(await told.promise)).toContain('gone');
  });

  test('answers what is no HTTP with a problem, and ends the connection', async () => {
    const { port } = await listening([]);
    const socket = connect(port, '127.0.0.1');
    socket.write('NONSENSE\r\n\r\n');
    const answer = await text(socket);
    expect(answer).toContain('HTTP/1.1 400');
    expect(answer).toContain('application/problem+json');
  });
});

describe('readiness', () => {
  test('names what is amiss, and is 503 then', async () => {
    let reason: string | null = null;
    const service = serviceUnderTest([], {
      checks: {
        database: () => reason,
        bus: async () => null,
        broken: () => {
          if (reason !== null) throw new Error('postgres://user:password@host');
          return null;
        },
      },
    });
    expect((await service.inject('/readyz')).statusCode).toBe(200);
    reason = 'no connection';
    const answer = await service.inject('/readyz');
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({
      ready: false,
      checks: { database: { ok: false, reason: 'no connection' }, bus: { ok: true }, broken: { ok: false } },
    });
    expect(answer.body).not.toContain('password');
    const { body } = await service.inject({
      url: '/metrics',
      headers: { authorization: 'Bearer metrics.read' },
    });
    expect(body).toContain('tollgate_test_check_ok{check="database"} 0');
    expect(body).toContain('tollgate_test_check_ok{check="bus"} 1');
    expect((await service.inject('/healthz')).statusCode).toBe(200);
  });
});

describe('stopping', () => {
  test('lets requests in flight end, and takes no new ones', async () => {
    const begun = Promise.withResolvers<void>();
    const go = Promise.withResolvers<void>();
    const { service, url } = await listening([
      answering({ 204: null }, async () => {
        begun.resolve();
        await go.promise;
        return { status: 204 };
      }),
    ]);
    const call = fetch(`${url}/v1/it`, { headers: READ });
    await begun.promise;
    const stopped = service.stop();
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
    go.resolve();
    expect((await call).status).toBe(204);
    await stopped;
  });

  test('cuts what does not end in time', async () => {
    const begun = Promise.withResolvers<void>();
    const { service, url } = await listening(
      [
        answering({ 204: null }, () => {
          begun.resolve();
          return new Promise(() => {});
        }),
      ],
      { settings: { stopTimeoutMs: 30 } },
    );
    const call = fetch(`${url}/v1/it`, { headers: READ });
    await begun.promise;
    await Promise.all([expect(call).rejects.toThrow(), service.stop()]);
  });
});

test('metrics take their scope, and count by route, not by path', async () => {
  const service = serviceUnderTest([echo]);
  await service.inject({ method: 'POST', url: '/v1/echo/a', headers: READ, payload: { name: 'x' } });
  expect((await service.inject('/metrics')).statusCode).toBe(401);
  expect((await service.inject({ url: '/metrics', headers: READ })).statusCode).toBe(403);
  const answer = await service.inject({ url: '/metrics', headers: { authorization: 'Bearer metrics.read' } });
  expect(answer.body).toContain(
    'tollgate_test_http_request_duration_seconds_count{method="POST",route="/v1/echo/:id",status="200"} 1',
  );
});

test('a problem of a service of its own keeps its code and status', async () => {
  const kind = { code: 'period_closed', status: 409, title: 'The period is closed' };
  const service = serviceUnderTest([
    answering({ 204: null }, () => Promise.reject(new HttpProblem(kind, 'open a correction instead')), {
      problems: [kind, PROBLEMS.notFound],
    }),
  ]);
  const answer = await service.inject({ url: '/v1/it', headers: READ });
  expect(answer.json()).toMatchObject({
    type: 'urn:tollgate:problem:period_closed',
    title: 'The period is closed',
    status: 409,
    code: 'period_closed',
    detail: 'open a correction instead',
  });
});
