/**
 * The error bodies that Databricks answers with, as seen on live workspaces. There are three shapes: a textual
 * `error_code` with a message, a numeric one for credentials, and an OpenAI-like `error` object for some rate limits.
 */

export interface ErrorAnswer {
  readonly status: number;
  readonly contentType: 'application/json' | 'text/html';
  readonly body: string;
  readonly retryAfterSeconds: number | null;
}

/** Errors that can be asked for, beside those which a wrong request earns by itself. */
export type ErrorAnswerKind =
  | 'rate-limit'
  | 'rate-limit-detailed'
  | 'bad-request'
  | 'context-length'
  | 'guardrail-block'
  | 'safety-block'
  | 'endpoint-missing'
  | 'permission-denied'
  | 'internal-error'
  | 'bad-gateway'
  | 'html-error'
  | 'unavailable'
  | 'scaling-up'
  | 'upstream-timeout';

function json(status: number, body: unknown): ErrorAnswer {
  return { status, contentType: 'application/json', body: JSON.stringify(body), retryAfterSeconds: null };
}

/** `{"error_code","message"}`, the usual shape. */
export function errorCode(status: number, code: string | number, message: string): ErrorAnswer {
  return json(status, { error_code: code, message });
}

export const missingCredential: ErrorAnswer = errorCode(
  401,
  401,
  'Credential was not sent or was of an unsupported type for this API.',
);

export const invalidToken: ErrorAnswer = errorCode(403, 403, 'Invalid access token.');

/** An OAuth token past its time. */
export const expiredToken: ErrorAnswer = errorCode(401, 401, 'ExpiredToken: the access token has expired.');

/** An endpoint that does not exist, named in the path. */
export function endpointMissing(name: string): ErrorAnswer {
  return errorCode(404, 'RESOURCE_DOES_NOT_EXIST', `Endpoint with name '${name}' does not exist.`);
}

/** An endpoint that does not exist, named by `model` in the body. */
export function modelMissing(name: string): ErrorAnswer {
  return errorCode(404, 'ENDPOINT_NOT_FOUND', `The given endpoint does not exist: ${name}.`);
}

export const noSuchPath: ErrorAnswer = errorCode(
  404,
  'ENDPOINT_NOT_FOUND',
  'No API found for this method and path.',
);

export const malformedRequest: ErrorAnswer = errorCode(
  400,
  'MALFORMED_REQUEST',
  'The request body is not a JSON object.',
);

export function badRequest(message: string): ErrorAnswer {
  return errorCode(400, 'BAD_REQUEST', message);
}

export function bodyTooLarge(limitBytes: number): ErrorAnswer {
  return errorCode(413, 'REQUEST_TOO_LARGE', `The request body exceeds ${limitBytes} bytes.`);
}

const SECONDS_PER_MINUTE = 60;

function guardrailBlock(): ErrorAnswer {
  const verdict = {
    usage: { prompt_tokens: 0, total_tokens: 0 },
    input_guardrail: [
      {
        flagged: false,
        categories: null,
        category_scores: null,
        pii_detection: true,
        anonymized_input: [{ role: 'user', content: 'Mail <EMAIL_ADDRESS> the figures.' }],
      },
    ],
    finishReason: 'input_guardrail_triggered',
  };
  // The verdict is JSON inside a JSON string; `flagged` is false although the request was blocked.
  return errorCode(400, 'BAD_REQUEST', JSON.stringify(verdict));
}

function safetyBlock(): ErrorAnswer {
  const verdict = {
    // What the guardrail's own model has read.
    usage: { prompt_tokens: 196, total_tokens: 201 },
    input_guardrail: [
      {
        flagged: true,
        categories: { 'violent-crimes': true, hate: false },
        category_scores: null,
        pii_detection: null,
        anonymized_input: null,
      },
    ],
    finishReason: 'input_guardrail_triggered',
  };
  return errorCode(400, 'BAD_REQUEST', JSON.stringify(verdict));
}

/** The answer for an error that was asked for, as the given endpoint would word it. */
export function errorAnswer(
  kind: ErrorAnswerKind,
  endpoint: string,
  retryAfterSeconds: number | null,
): ErrorAnswer {
  return { ...bodyOf(kind, endpoint, retryAfterSeconds), retryAfterSeconds };
}

function bodyOf(kind: ErrorAnswerKind, endpoint: string, retryAfterSeconds: number | null): ErrorAnswer {
  switch (kind) {
    case 'rate-limit':
      return errorCode(
        429,
        'REQUEST_LIMIT_EXCEEDED',
        `REQUEST_LIMIT_EXCEEDED: Exceeded workspace output tokens per minute rate limit for ${endpoint}.`,
      );
    case 'rate-limit-detailed':
      return json(429, {
        error: {
          message: `Rate limit exceeded for ${endpoint}.`,
          type: 'rate_limit_exceeded',
          limit_type: 'output_tokens_per_minute',
          limit: 10_000,
          current: 10_240,
          retry_after: retryAfterSeconds ?? SECONDS_PER_MINUTE,
        },
      });
    case 'bad-request':
      return badRequest('Bad request: a parameter is not supported by this endpoint.');
    case 'context-length':
      return badRequest(
        `The prompt is too long for ${endpoint}: its maximum context length is 131072 tokens.`,
      );
    case 'guardrail-block':
      return guardrailBlock();
    case 'safety-block':
      return safetyBlock();
    case 'endpoint-missing':
      return endpointMissing(endpoint);
    case 'permission-denied':
      return errorCode(
        403,
        'PERMISSION_DENIED',
        `User does not have permission 'Query' on Endpoint ${endpoint}`,
      );
    case 'internal-error':
      return errorCode(500, 'INTERNAL_ERROR', 'The service could not answer because of an internal error.');
    case 'bad-gateway':
      return errorCode(502, 'BAD_GATEWAY', 'The served model could not be reached.');
    case 'html-error':
      return {
        status: 502,
        contentType: 'text/html',
        body: '<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>',
        retryAfterSeconds: null,
      };
    case 'unavailable':
      return errorCode(503, 'TEMPORARILY_UNAVAILABLE', `${endpoint} is temporarily unavailable.`);
    case 'scaling-up':
      return errorCode(
        503,
        'TEMPORARILY_UNAVAILABLE',
        `Endpoint ${endpoint} is scaled to zero and is being scaled up. Try again later.`,
      );
    case 'upstream-timeout':
      return errorCode(504, 'DEADLINE_EXCEEDED', `${endpoint} did not answer within the deadline.`);
  }
}

/** Thrown while a request is read, caught where it is answered. */
export class RefusedRequest extends Error {
  readonly answer: ErrorAnswer;

  constructor(answer: ErrorAnswer) {
    super(answer.body);
    this.name = 'RefusedRequest';
    this.answer = answer;
  }
}
