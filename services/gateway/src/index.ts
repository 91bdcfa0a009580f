/**
 * The data plane: an OpenAI-compatible API that decides on, meters and records every call to a model.
 *
 * A request is authenticated against the directory's keys in memory, its body is parsed once, its model leads to a
 * target, and the policy decides. Request and decision are appended to the spool; once they are as safe as the
 * target's durability asks, the caller's own bytes go upstream. The answer passes through, its usage is read from
 * the end of it and appended, and only when that is written does the caller see the end of the answer.
 *
 * Limits are followed from their topic; what they apply to reserves in memory from leases that a loop takes from the
 * budgets service (src/budgets), before the decision is recorded, and waits only where no lease suffices.
 *
 * Routes are held to the catalogue (src/catalog), which is judged beforehand, and again when one of its dates passes: targets
 * that may not be called are left out, and a route without any is barred. That costs a request two comparisons.
 *
 * Where the chain holds policies that decide on requests (src/policy), they do so before budgets, and what they decided
 * on is what is sent: the parsed body is written anew, redacted or not. Without any, nothing of this is touched.
 *
 * The policy is replaced as a whole when its file changes (src/policy/live-policy.ts); a call keeps what it was decided
 * with. Where the chain holds `safety-filter`, a request waits in between for another target's judgement. Credentials of
 * upstreams are read at each dispatch (src/upstream/credentials), so that they are renewed under calls in flight.
 *
 * Hot path: one `JSON.parse`, one object per call (it is the upstream's handler itself), three events written from
 * templates, one spool write for everything that ended in the same turn of the event loop; no log line, no timer and
 * no promise per request.
 *
 * Invariants: a caller that got a whole answer is accounted for as completed; an allowed request has exactly one
 * final usage, if not from this process then from the next start on the same spool. What can't be recorded is not
 * called. What a request holds of its limits is settled with its final usage, whatever becomes of it, and a strict
 * limit's reservation is an upper bound. No prompt, completion or secret is in events, logs, metrics or errors of
 * our own. Memory per call is bounded: a body, an answer and one event of a stream have caps, and a slow reader stops
 * the upstream's sending.
 *
 * Known limits: upstreams are called over HTTP/1.1; behind a proxy the address prefix in the events is the proxy's. Where a
 * body names a member twice, the last one counts here; without policies that decide, an upstream whose reader takes the first
 * would see another one. With them, whole numbers beyond 2^53 lose digits.
 */
export { createGateway, type Gateway, type GatewayOptions, type GatewayParts } from './app.ts';
export type { Authenticate, Caller, Unauthenticated } from './callers/caller.ts';
export type { CallLimits } from './calls/environment.ts';
export { type Clock, systemClock } from './clock.ts';
export { ANSWERS, type AnswerCode } from './errors.ts';
export { guardSampleAnswer } from './output/sample-answer.ts';
export type { ChainAnswer, ChainQuestion, Policy, RequestChain } from './policy/policy.ts';
export type { Target } from './routing/target.ts';
