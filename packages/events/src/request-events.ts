import { z } from 'zod';
import { requestContext } from './attribution.ts';
import { instant } from './envelope.ts';

const count = z.int().min(0);

/** A request has been received from an authenticated caller. One per request. */
export const requestData = z.looseObject({
  ...requestContext,
  endpoint: z.enum(['chat.completions', 'completions', 'embeddings', 'responses', 'invocations', 'unknown']),
  stream: z.boolean(),
  body_bytes: count,
  /** Messages of a chat, inputs of an embedding; null where the body could not be read. */
  input_count: count.nullable(),
  max_output_tokens: count.nullable(),
  /** The body's `user` member: what the caller says, unverified. */
  end_user: z.string().max(256).nullable(),
  /** The caller's address cut to /24 or /48. */
  client_prefix: z.string().max(64).nullable(),
});
export type RequestData = z.infer<typeof requestData>;

/** What a policy found; never the text it found it in. */
export const finding = z.looseObject({
  policy: z.string().max(64),
  rule: z.string().max(128),
  action: z.enum(['allow', 'flag', 'redact', 'block']),
  count,
});

/**
 * The outcome of the chain. `denied`: a rule, role or budget said no. `rejected`: the request itself could not
 * be served (unreadable body, unknown model, too large). One per request, one more for findings in the output.
 */
export const decisionData = z.looseObject({
  ...requestContext,
  phase: z.enum(['request', 'output']),
  outcome: z.enum(['allowed', 'denied', 'rejected']),
  /** The coded reason that the caller was given; null where allowed. */
  code: z.string().max(64).nullable(),
  findings: z.array(finding).max(256),
  lease_ids: z.array(z.string().max(64)).max(32),
});
export type DecisionData = z.infer<typeof decisionData>;

/** Token classes; input includes cached input, output includes reasoning, as the provider counts them. */
export const quantities = z.looseObject({
  input_tokens: count,
  output_tokens: count,
  cached_input_tokens: count,
  cache_creation_tokens: count,
  reasoning_tokens: count,
});
export type Quantities = z.infer<typeof quantities>;

/**
 * How true the quantities are. `provider`: as the upstream stated. `counted`: exact by the gateway's own count
 * (zero where nothing reached an upstream). `estimated`: from sizes. `partial`: from what had been produced when
 * the call ended early.
 */
export const fidelity = z.enum(['provider', 'counted', 'estimated', 'partial']);

/**
 * `completed`: the whole answer was at hand. `failed`: the upstream answered with an error or broke, or a policy did not let its
 * answer through.
 * `timed-out`: a deadline passed. `aborted`: the caller went away. `not-attempted`: allowed, but no upstream was
 * called. `gateway-lost`: the gateway ended before the answer did; said by its next epoch.
 */
export const usageOutcome = z.enum([
  'completed',
  'failed',
  'timed-out',
  'aborted',
  'not-attempted',
  'gateway-lost',
]);
export type UsageOutcome = z.infer<typeof usageOutcome>;

/** A body that the payload vault keeps, or was to keep. */
export const payloadStatement = z.looseObject({
  direction: z.enum(['request', 'response']),
  body_bytes: count,
  /** Less than `body_bytes` where the rest was cut off. */
  kept_bytes: count,
  /**
   * HMAC-SHA-256 of what is kept, under a salt that lies encrypted with it, and goes when it is erased; 64 hex digits.
   * Null: it was lost before it could be stored.
   */
  digest: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
});
export type PayloadStatement = z.infer<typeof payloadStatement>;

/** What one upstream attempt used. Exactly one usage event of an allowed request is `final`. */
export const usageData = z.looseObject({
  ...requestContext,
  /** From 1; 0 where nothing was attempted. */
  attempt: count,
  final: z.boolean(),
  outcome: usageOutcome,
  fidelity,
  quantities,
  /** HTTP status of the upstream; null where it gave none. */
  upstream_status: z.int().min(100).max(599).nullable(),
  /** HTTP status given to the caller; null where none was. */
  status: z.int().min(100).max(599).nullable(),
  stream: z.boolean(),
  output_bytes: count,
  /** From the request's arrival to the last byte from the upstream, in microseconds. */
  duration_us: count,
  first_byte_us: count.nullable(),
  finished_at: instant,
  lease_ids: z.array(z.string().max(64)).max(32),
  /** Of a final usage; not there where no body was to be kept. */
  payloads: z.array(payloadStatement).max(2).optional(),
});
export type UsageData = z.infer<typeof usageData>;

/** Callers turned away for want of a valid key: counted per address prefix and minute, never one by one. */
export const rejectionsData = z.looseObject({
  minute: instant,
  counts: z
    .array(
      z.looseObject({ client_prefix: z.string().max(64), code: z.string().max(64), count: z.int().min(1) }),
    )
    .max(1024),
  /** Rejections beyond the prefixes that are told apart. */
  other: count,
});
export type RejectionsData = z.infer<typeof rejectionsData>;
