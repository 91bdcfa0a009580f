import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import { PROBLEMS } from '../errors.ts';
import type { HttpService } from '../service/http-service.ts';
import { cursorCodec, pageFrom, pageOf, pageQuery } from '../service/pagination.ts';
import { route } from '../service/route.ts';
import { serviceUnderTest } from '../testing/service-under-test.ts';
import { ServiceClient, ServiceError } from './service-client.ts';

const TOTAL = 7;
const numbers = cursorCodec(z.number());

let service: HttpService;
let baseUrl = '';

beforeAll(async () => {
  service = serviceUnderTest([
    route({
      method: 'GET',
      path: '/v1/numbers',
      access: { scope: 'directory:read' },
      operationId: 'listNumbers',
      summary: 'Numbers',
      query: z.strictObject(pageQuery),
      answers: { 200: pageOf(z.number()) },
      problems: [PROBLEMS.invalidCursor],
      handle({ query }) {
        const from = query.cursor === undefined ? 0 : numbers.decode(query.cursor) + 1;
        const rows = Array.from({ length: TOTAL }, (_, n) => n).slice(from, from + query.limit + 1);
        return { status: 200, body: pageFrom(rows, query.limit, numbers, (row) => row) };
      },
    }),
    route({
      method: 'DELETE',
      path: '/v1/slow',
      access: { scope: 'directory:read' },
      operationId: 'slow',
      summary: 'Never',
      answers: { 204: null },
      handle: () => new Promise(() => {}),
    }),
  ]);
  baseUrl = (await service.listen({ host: '127.0.0.1', port: 0 })).url;
});
afterAll(async () => {
  await service?.stop();
});

const client = (options: object = {}) => new ServiceClient({ baseUrl, token: 'directory.read', ...options });
const failing = async (call: Promise<unknown>) => {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ServiceError);
  return error as ServiceError;
};

test('a list is read to its end, page by page', async () => {
  const seen: number[] = [];
  for await (const n of client().list({ path: '/v1/numbers', query: { limit: 2 }, item: z.number() }))
    seen.push(n);
  expect(seen).toEqual([0, 1, 2, 3, 4, 5, 6]);
});

test('a refusal keeps the code, status and fields that the service gave', async () => {
  const call = client().call({
    method: 'GET',
    path: '/v1/numbers',
    query: { limit: 0 },
    answer: z.unknown(),
  });
  expect(await failing(call)).toMatchObject({
    code: 'invalid_request',
    status: 400,
    fields: [{ in: 'query', field: 'limit' }],
  });
  const without = new ServiceClient({ baseUrl });
  expect(
    await failing(without.call({ method: 'GET', path: '/v1/numbers', answer: z.unknown() })),
  ).toMatchObject({
    code: 'token_missing',
    status: 401,
  });
});

test('an answer of another shape is refused', async () => {
  const call = client().call({
    method: 'GET',
    path: '/v1/numbers',
    answer: z.object({ items: z.array(z.string()) }),
  });
  expect(await failing(call)).toMatchObject({ code: 'bad_answer', status: 200 });
});

test('a service that is away, and one that does not answer in time, are told apart', async () => {
  const away = client({ baseUrl: 'http://127.0.0.1:1' });
  expect(await failing(away.call({ method: 'GET', path: '/', answer: z.unknown() }))).toMatchObject({
    code: 'unreachable',
    status: null,
  });
  const hasty = client({ timeoutMs: 30 });
  expect(
    await failing(hasty.call({ method: 'DELETE', path: '/v1/slow', answer: z.unknown() })),
  ).toMatchObject({
    code: 'deadline',
    status: null,
  });
});

test("the caller's own signal ends a call with its own reason", async () => {
  const reason = new Error('enough');
  const call = client().call({
    method: 'DELETE',
    path: '/v1/slow',
    answer: z.unknown(),
    signal: AbortSignal.abort(reason),
  });
  await expect(call).rejects.toBe(reason);
});

test('the token is asked for at each call, so that it can be rotated', async () => {
  const tokens = ['nothing.yet', 'directory.read'];
  const rotating = client({ token: () => tokens.shift() ?? '' });
  const call = () => rotating.call({ method: 'GET', path: '/v1/numbers', answer: z.unknown() });
  expect(await failing(call())).toMatchObject({ code: 'scope_missing' });
  await call();
});
