/** One kind of refusal: its stable code, the HTTP status it travels with, and what it means in a few words. */
export type ProblemKind = {
  /** Stable, in snake_case: what a program acts on. */
  readonly code: string;
  readonly status: number;
  /** The same for every occurrence (RFC 9457, section 3.1.3). */
  readonly title: string;
};

/** The problems that any service can answer with. A service adds its own kinds in its `errors.ts`. */
export const PROBLEMS = {
  badRequest: { code: 'bad_request', status: 400, title: 'The request cannot be read' },
  badJson: { code: 'bad_json', status: 400, title: 'The body is not JSON' },
  invalidRequest: { code: 'invalid_request', status: 400, title: 'The request does not fit its schema' },
  invalidCursor: { code: 'invalid_cursor', status: 400, title: 'The cursor is none that this service gave' },
  tokenMissing: { code: 'token_missing', status: 401, title: 'A bearer token is needed' },
  tokenInvalid: { code: 'token_invalid', status: 401, title: 'The token is unknown or was revoked' },
  tokenExpired: { code: 'token_expired', status: 401, title: 'The token has expired' },
  scopeMissing: { code: 'scope_missing', status: 403, title: 'The token lacks a scope' },
  outOfReach: {
    code: 'out_of_reach',
    status: 403,
    title: 'The token does not reach that organisation or team',
  },
  notFound: {
    code: 'not_found',
    status: 404,
    title: 'There is no such thing, or the token does not reach it',
  },
  routeNotFound: { code: 'route_not_found', status: 404, title: 'There is no such path' },
  methodNotAllowed: { code: 'method_not_allowed', status: 405, title: 'The path has no such method' },
  conflict: { code: 'conflict', status: 409, title: 'The state does not allow it' },
  versionConflict: { code: 'version_conflict', status: 409, title: 'It was changed in the meantime' },
  bodyTooLarge: { code: 'body_too_large', status: 413, title: 'The body is too large' },
  unsupportedMediaType: {
    code: 'unsupported_media_type',
    status: 415,
    title: 'The body is not of the media type that is taken here',
  },
  unprocessable: { code: 'unprocessable', status: 422, title: 'The request contradicts what is known' },
  tooManyRequests: { code: 'too_many_requests', status: 429, title: 'Too many requests' },
  internal: { code: 'internal', status: 500, title: 'The service failed' },
  unavailable: { code: 'unavailable', status: 503, title: 'Something the service needs is not there' },
  notReady: { code: 'not_ready', status: 503, title: 'The service is not ready' },
  deadlineExceeded: { code: 'deadline_exceeded', status: 504, title: 'The service took too long' },
} as const satisfies Record<string, ProblemKind>;

/** One fault of the input: where it is, and what is wrong with it. Never what was given. */
export type FieldError = {
  readonly in: 'body' | 'query' | 'path' | 'header';
  /** Dotted path of the member, such as `tags.env`; empty for the whole. */
  readonly field: string;
  readonly message: string;
};

export type ProblemExtras = {
  readonly errors?: readonly FieldError[];
  /** Headers that belong to the refusal, such as `allow` or `retry-after`. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
};

/** A refusal that travels to the caller as `application/problem+json` (RFC 9457). */
export class HttpProblem extends Error {
  readonly kind: ProblemKind;
  readonly errors: readonly FieldError[];
  readonly headers: Readonly<Record<string, string>>;

  /** @param detail what happened and what to do next; without secrets, since the caller reads it */
  constructor(kind: ProblemKind, detail: string, extras: ProblemExtras = {}) {
    super(detail, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.name = 'HttpProblem';
    this.kind = kind;
    this.errors = extras.errors ?? [];
    this.headers = extras.headers ?? {};
  }

  get code(): string {
    return this.kind.code;
  }

  get status(): number {
    return this.kind.status;
  }
}

export type HttpErrorCode =
  /** A route declares neither a scope nor that it is open, or is open and is not a health check. */
  | 'route_access'
  /** Two routes share a method and path, or two schemas a name. */
  | 'route_duplicate'
  /** A handler answered with something that its route does not declare. */
  | 'undeclared_answer'
  /** The service could not listen where it was told to. */
  | 'listen_failed'
  /** What was to be stopped did not stop in time. */
  | 'stop_deadline';

/** A mistake in the way a service is set up, or in its surroundings; never in a caller's input. */
export class HttpError extends Error {
  readonly code: HttpErrorCode;

  constructor(code: HttpErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'HttpError';
    this.code = code;
  }
}

/** A wrong environment variable or option: stops the start with one line that names it. */
export class ConfigError extends Error {
  readonly code = 'config';
  readonly variable: string;

  constructor(variable: string, message: string) {
    super(`${variable}: ${message}`);
    this.name = 'ConfigError';
    this.variable = variable;
  }
}
