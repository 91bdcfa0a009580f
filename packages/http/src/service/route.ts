import type { IncomingHttpHeaders } from 'node:http';
import type { Readable } from 'node:stream';
import type { Logger } from '@tollgate/telemetry';
import type { z } from 'zod';
import type { Principal, Reach } from '../access/principal.ts';
import type { Scope } from '../access/scopes.ts';
import type { ProblemKind } from '../errors.ts';

/**
 * Who may call: holders of a scope; or holders of any valid token, for what says nothing of the installation; or
 * anybody, which only the health checks declare.
 */
export type RouteAccess =
  | { readonly scope: Scope }
  | { readonly authenticated: true }
  | { readonly public: true };

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';

/** An answer that is not JSON: text or bytes of a media type. */
export type RawContent = { readonly contentType: string; readonly description?: string };

/** What an answer of one status can carry: JSON of a schema, media types, both (the caller chooses), or nothing. */
export type AnswerContent =
  | z.ZodType
  | { readonly json?: z.ZodType; readonly raw: readonly RawContent[] }
  | null;

export type Answers = { readonly [status: number]: AnswerContent };

/** JSON for the answer's schema. */
type JsonAnswer<Status, Schema extends z.ZodType> = {
  readonly status: Status;
  readonly body: z.input<Schema>;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Text, bytes or a stream. An error within a stream cuts the connection, so that nobody takes a part for the whole. */
type RawAnswer<Status> = {
  readonly status: Status;
  readonly contentType: string;
  readonly raw: string | Buffer | Readable;
  readonly headers?: Readonly<Record<string, string>>;
};

type EmptyAnswer<Status> = { readonly status: Status; readonly headers?: Readonly<Record<string, string>> };

type AnswerFor<Status, Content> = Content extends z.ZodType
  ? JsonAnswer<Status, Content>
  : Content extends { readonly json: infer Schema extends z.ZodType }
    ? JsonAnswer<Status, Schema> | RawAnswer<Status>
    : Content extends { readonly raw: readonly RawContent[] }
      ? RawAnswer<Status>
      : EmptyAnswer<Status>;

/** What a handler returns: one of the declared statuses with what that status carries. */
export type AnswerOf<A extends Answers> = { [Status in keyof A]: AnswerFor<Status, A[Status]> }[keyof A];

type ParsedBy<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

/** What a handler is given: input that fits the schemas, and who calls with how much reach. */
export type Call<Params, Query, Body> = {
  readonly params: ParsedBy<Params>;
  readonly query: ParsedBy<Query>;
  readonly body: ParsedBy<Body>;
  /** The body of a route that takes bytes; empty elsewhere. */
  readonly bytes: Buffer;
  readonly principal: Principal;
  /** How far the route's scope reaches for this caller; everything read or changed must lie within. */
  readonly reach: Reach;
  /** The caller's `x-request-id` if it is sane, else a new one; answered as `x-request-id`. */
  readonly requestId: string;
  readonly headers: IncomingHttpHeaders;
  /** Aborted at the handler's deadline, and when the caller has gone. */
  readonly signal: AbortSignal;
  readonly log: Logger;
};

/** A link from an answer to an operation that takes a part of it (OpenAPI 3.1, Link Object). */
export type Link = { readonly operationId: string; readonly parameters: Readonly<Record<string, string>> };

export type RouteDefinition<
  A extends Answers,
  Params extends z.ZodObject | undefined,
  Query extends z.ZodObject | undefined,
  Body extends z.ZodType | undefined,
> = {
  readonly method: Method;
  /** With `:name` for parameters. */
  readonly path: string;
  readonly access: RouteAccess;
  /** Unique in the service, in camelCase. */
  readonly operationId: string;
  readonly summary: string;
  readonly description?: string;
  readonly tag?: string;
  readonly params?: Params;
  readonly query?: Query;
  /** Objects in it are strict: an unknown member is refused. */
  readonly body?: Body;
  /** The body is `application/octet-stream`, handed on as it comes; instead of `body`. */
  readonly takesBytes?: true;
  readonly answers: A;
  /** The refusals beyond those of every route: 404, 409, 422 and so on. */
  readonly problems?: readonly ProblemKind[];
  readonly links?: { readonly [status: number]: Readonly<Record<string, Link>> };
  /** Bytes of body at most, where it differs from the service's. */
  readonly bodyLimitBytes?: number;
  /** How long the handler may take, where it differs from the service's. */
  readonly timeoutMs?: number;
  readonly handle: (call: Call<Params, Query, Body>) => Promise<AnswerOf<A>> | AnswerOf<A>;
};

/** A route whose types have been checked against its schemas, and forgotten. */
export type Route = Omit<
  RouteDefinition<Answers, z.ZodObject | undefined, z.ZodObject | undefined, z.ZodType | undefined>,
  'handle'
> & {
  readonly handle: (call: UntypedCall) => Promise<HandlerAnswer>;
};

export type UntypedCall = Omit<Call<undefined, undefined, undefined>, 'params' | 'query' | 'body'> & {
  readonly params: unknown;
  readonly query: unknown;
  readonly body: unknown;
};

/** Any answer, as the frame sees it. */
export type HandlerAnswer = {
  readonly status: number;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly raw?: string | Buffer | Readable;
  readonly headers?: Readonly<Record<string, string>>;
};

/** Declares a route; the handler's input and answers are typed by the schemas. */
export function route<
  const A extends Answers,
  Params extends z.ZodObject | undefined = undefined,
  Query extends z.ZodObject | undefined = undefined,
  Body extends z.ZodType | undefined = undefined,
>(definition: RouteDefinition<A, Params, Query, Body>): Route {
  const { handle, ...rest } = definition;
  return {
    ...rest,
    // The frame parses with the very schemas that typed the handler.
    handle: async (call) => (await handle(call as Call<Params, Query, Body>)) as HandlerAnswer,
  } as Route;
}
