import type { Logger } from '@tollgate/telemetry';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { ANONYMOUS, type Principal, type Reach } from '../access/principal.ts';
import type { TokenVerifier } from '../access/token-verifier.ts';
import { HttpError, HttpProblem, PROBLEMS } from '../errors.ts';
import { withDeadline } from './deadline.ts';
import { readInput } from './input.ts';
import type { HandlerAnswer, Route, RouteAccess } from './route.ts';
import type { HttpSettings } from './settings.ts';

export type MountOptions = {
  readonly verifier: TokenVerifier;
  readonly settings: HttpSettings;
  readonly logger: Logger;
};

const BYTES = 'application/octet-stream';
const NO_BYTES = Buffer.alloc(0);
const EMPTY = z.strictObject({});
const NO_REACH: Reach = { organisationId: '', teamIds: new Set() };

/** Puts a route on the server: access before the body is read, then input, handler under its deadline, answer. */
export function mount(app: FastifyInstance, route: Route, options: MountOptions): void {
  const { settings, logger } = options;
  const log = logger.child({ operation: route.operationId });
  const callers = new WeakMap<FastifyRequest, { principal: Principal; reach: Reach }>();
  app.route({
    method: route.method,
    url: route.path,
    ...(route.bodyLimitBytes === undefined ? {} : { bodyLimit: route.bodyLimitBytes }),
    onRequest: async (request) => {
      callers.set(request, admit(route.access, request.headers.authorization, options.verifier));
    },
    handler: async (request, reply) => {
      const caller = callers.get(request);
      if (caller === undefined)
        throw new HttpError('route_access', `${route.operationId} ran without access check`);
      const input = {
        params: readInput(route.params ?? EMPTY, request.params, 'path'),
        query: readInput(route.query ?? EMPTY, request.query, 'query'),
        ...readBody(route, request),
      };
      const timeoutMs = route.timeoutMs ?? settings.handlerTimeoutMs;
      // The connection is silent meanwhile; for the next request the usual bound holds again.
      if (timeoutMs > settings.connectionTimeoutMs) waitLonger(request, timeoutMs);
      const answer = await withDeadline(timeoutMs, reply.raw, (signal) =>
        route.handle({ ...input, ...caller, requestId: request.id, headers: request.headers, signal, log }),
      );
      return send(reply, route, answer);
    },
  });
}

/** A request that a test injects has no socket that could fall silent. */
function waitLonger({ raw }: FastifyRequest, timeoutMs: number): void {
  if ('setTimeout' in raw.socket) raw.socket.setTimeout(timeoutMs);
}

function admit(
  access: RouteAccess,
  authorization: string | undefined,
  verifier: TokenVerifier,
): { principal: Principal; reach: Reach } {
  if ('public' in access) return { principal: ANONYMOUS, reach: NO_REACH };
  const principal = verifier.verify(authorization);
  if ('authenticated' in access) return { principal, reach: NO_REACH };
  const reach = principal.scopes.get(access.scope);
  if (reach === undefined) {
    throw new HttpProblem(
      PROBLEMS.scopeMissing,
      `this needs the scope ${access.scope}, which the token lacks`,
      {
        headers: {
          'www-authenticate': `Bearer realm="tollgate", error="insufficient_scope", scope="${access.scope}"`,
        },
      },
    );
  }
  return { principal, reach };
}

/** JSON for the route's schema, or bytes for a route that takes them; anything else is refused. */
function readBody(route: Route, request: FastifyRequest): { readonly body: unknown; readonly bytes: Buffer } {
  const { body } = request;
  const takesBytes = route.takesBytes === true;
  const sendsBytes = request.headers['content-type']?.startsWith(BYTES) === true;
  if (Buffer.isBuffer(body) && sendsBytes !== takesBytes) {
    const expected = takesBytes ? BYTES : 'application/json';
    throw new HttpProblem(PROBLEMS.unsupportedMediaType, `send content-type: ${expected}`);
  }
  if (takesBytes) return { body: undefined, bytes: Buffer.isBuffer(body) ? body : NO_BYTES };
  const parsed = route.body === undefined ? refuseBody(body) : readInput(route.body, readJson(body), 'body');
  return { body: parsed, bytes: NO_BYTES };
}

function readJson(body: unknown): unknown {
  if (!Buffer.isBuffer(body)) return undefined;
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new HttpProblem(PROBLEMS.badJson, 'the body is not JSON', {
      errors: [{ in: 'body', field: '', message: 'is not JSON' }],
      cause,
    });
  }
}

function refuseBody(body: unknown): undefined {
  if (body === undefined || body === null) return undefined;
  throw new HttpProblem(PROBLEMS.invalidRequest, 'this takes no body: leave it out', {
    errors: [{ in: 'body', field: '', message: 'is not taken here' }],
  });
}

function send(reply: FastifyReply, route: Route, answer: HandlerAnswer): FastifyReply {
  const content = route.answers[answer.status];
  if (content === undefined) throw undeclared(route, `status ${answer.status}`);
  reply.code(answer.status);
  if (answer.headers !== undefined) reply.headers({ ...answer.headers });
  if (content === null) return reply.send();
  if (answer.raw !== undefined) {
    const types = content instanceof z.ZodType ? [] : content.raw.map((raw) => raw.contentType);
    if (answer.contentType === undefined || !types.includes(answer.contentType)) {
      throw undeclared(route, `content type ${answer.contentType}`);
    }
    return reply.type(answer.contentType).send(answer.raw);
  }
  const schema = content instanceof z.ZodType ? content : content.json;
  if (schema === undefined) throw undeclared(route, 'JSON');
  const parsed = schema.safeParse(answer.body);
  if (!parsed.success) {
    const at = parsed.error.issues[0];
    throw undeclared(route, `a body whose ${at?.path.join('.')} ${at?.message}`);
  }
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(parsed.data));
}

function undeclared(route: Route, what: string): HttpError {
  return new HttpError(
    'undeclared_answer',
    `${route.operationId} answered with ${what}, which it does not declare`,
  );
}
