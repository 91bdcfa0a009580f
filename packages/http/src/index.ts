/**
 * What every HTTP service of Tollgate shares: who may call, how it answers, how it starts and stops.
 *
 * `createHttpService` serves declared routes: each names its scope, its schemas and its answers, and from the same
 * declaration come the access check, the parsing, the refusals and the OpenAPI document. Tokens are verified in
 * memory against a `DirectoryView`, which the directory's messages keep current. `runProcess` is the life of a
 * process: start, signals, ordered stop, exit code.
 *
 * Hot path: the gateway uses `DirectoryView.apiKeyByHash`, one look-up in a map, and `hashCredential`, under a
 * microsecond; it does not use the service frame, which costs a schema check each way and is meant for the
 * services' own APIs.
 *
 * Invariants: a route without an access rule stops the start, and nothing but `/healthz` and `/readyz` is open;
 * access is checked before a body is read; every refusal is problem+json with a stable code and never quotes the
 * input; a handler's answer that its route does not declare becomes a 500, so that the OpenAPI document stays true;
 * every body, connection, request and handler has a bound (`HttpSettings`).
 *
 * Known limits: a handler that ignores its signal goes on working after its deadline, unwaited for. Revocation is as
 * fast as the directory's messages. TLS is left to what stands in front.
 */

export {
  ANONYMOUS,
  assertWithin,
  type HeldRole,
  type Principal,
  type Reach,
  reaches,
  scopesOf,
} from './access/principal.ts';
export { isRole, needsTeam, ROLE_SCOPES } from './access/roles.ts';
export { isScope, SCOPES, type Scope } from './access/scopes.ts';
export {
  createTokenVerifier,
  type TokenVerifier,
  type TokenVerifierOptions,
} from './access/token-verifier.ts';
export { type CredentialKind, hashCredential, mintCredential, parseBearer } from './access/tokens.ts';
export { configuredClient } from './client/configured-client.ts';
export {
  type ServiceCall,
  ServiceClient,
  type ServiceClientOptions,
  ServiceError,
} from './client/service-client.ts';
export {
  type DirectoryListener,
  DirectoryView,
  type EntityOf,
  type KnownAccessToken,
  type KnownApiKey,
} from './directory-view/directory-view.ts';
export {
  DEFAULT_MAX_HEARTBEAT_AGE_MS,
  type FollowDirectoryOptions,
  type FollowedDirectory,
  followDirectory,
} from './directory-view/follow-directory.ts';
export type { StandingRole } from './directory-view/standing-roles.ts';
export {
  ConfigError,
  type FieldError,
  HttpError,
  type HttpErrorCode,
  HttpProblem,
  PROBLEMS,
  type ProblemExtras,
  type ProblemKind,
} from './errors.ts';
export { databaseUrl, flag, listenAddress, logLevel, wholeNumber } from './process/config-values.ts';
export { type Environment, readConfig } from './process/read-config.ts';
export {
  DEFAULT_STOP_DEADLINE_MS,
  EXIT_CODES,
  type ProcessPort,
  type Reloadable,
  type RunProcessOptions,
  runProcess,
  type StartContext,
  type Stoppable,
  stopInOrder,
} from './process/run-process.ts';
export {
  type RunningService,
  runService,
  type Service,
  type ServiceConfig,
  type ServiceParts,
  type StartService,
  serviceConfigOf,
  serviceStart,
  serviceVariables,
  startServiceFace,
} from './process/start-service.ts';
export type { HealthCheck } from './service/health.ts';
export {
  createHttpService,
  type HttpService,
  type HttpServiceOptions,
  type ListenAddress,
} from './service/http-service.ts';
export { queryInteger } from './service/input.ts';
export {
  type CursorCodec,
  cursorCodec,
  DEFAULT_PAGE_ITEMS,
  MAX_PAGE_ITEMS,
  pageFrom,
  pageOf,
  pageQuery,
} from './service/pagination.ts';
export {
  type AnswerContent,
  type AnswerOf,
  type Answers,
  type Call,
  type HandlerAnswer,
  type Link,
  type Method,
  type RawContent,
  type Route,
  type RouteAccess,
  type RouteDefinition,
  route,
} from './service/route.ts';
export { DEFAULT_HTTP_SETTINGS, type HttpSettings } from './service/settings.ts';
