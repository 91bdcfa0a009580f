import type { FastifyReply } from 'fastify';
import { z } from 'zod';
import { HttpProblem, PROBLEMS, type ProblemKind } from '../errors.ts';

export const PROBLEM_CONTENT_TYPE = 'application/problem+json';

/** The body of every refusal (RFC 9457, with `code`, `errors` and `request_id` as extensions). */
export const problemBody = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    request_id: z.string(),
    errors: z
      .array(
        z.object({ in: z.enum(['body', 'query', 'path', 'header']), field: z.string(), message: z.string() }),
      )
      .optional(),
  })
  .meta({ id: 'Problem' });

export type ProblemBody = z.infer<typeof problemBody>;

export function problemAnswer(problem: HttpProblem, requestId: string): ProblemBody {
  const { code, status, title } = problem.kind;
  return {
    type: `urn:tollgate:problem:${code}`,
    title,
    status,
    code,
    detail: problem.message,
    request_id: requestId,
    ...(problem.errors.length === 0 ? {} : { errors: [...problem.errors] }),
  };
}

/** Sends a refusal. */
export function refuse(reply: FastifyReply, problem: HttpProblem, requestId: string): FastifyReply {
  return reply
    .code(problem.status)
    .headers({ ...problem.headers })
    .type(PROBLEM_CONTENT_TYPE)
    .send(problemAnswer(problem, requestId));
}

/** What fastify itself refuses, by its error code. */
const OF_FASTIFY: Readonly<Record<string, readonly [ProblemKind, string]>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [PROBLEMS.bodyTooLarge, 'send a smaller body'],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: [PROBLEMS.unsupportedMediaType, 'send content-type: application/json'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: [PROBLEMS.badRequest, 'content-length and body differ'],
  FST_ERR_MAX_PARAM_LENGTH: [PROBLEMS.notFound, 'nothing has so long an id'],
  FST_ERR_BAD_URL: [PROBLEMS.badRequest, 'the path is not validly percent-encoded'],
};

/**
 * Any error as a refusal: ours as it is, fastify's by the table, a lost dependency as 503, the rest as 500 without
 * a word of what it was.
 */
export function asProblem(error: unknown, isUnavailable: (error: unknown) => boolean): HttpProblem {
  if (error instanceof HttpProblem) return error;
  const code = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  const known = typeof code === 'string' && Object.hasOwn(OF_FASTIFY, code) ? OF_FASTIFY[code] : undefined;
  if (known !== undefined) return new HttpProblem(known[0], known[1], { cause: error });
  if (isUnavailable(error)) {
    return new HttpProblem(
      PROBLEMS.unavailable,
      'something this service needs is not there just now: try again',
      {
        headers: { 'retry-after': '1' },
        cause: error,
      },
    );
  }
  return new HttpProblem(PROBLEMS.internal, 'the service failed; its log says why, under this request id', {
    cause: error,
  });
}
