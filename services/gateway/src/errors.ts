import type { Denial } from '@tollgate/policy';

/** The `type` member of an OpenAI error body. */
export type AnswerType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'rate_limit_error'
  | 'insufficient_quota'
  | 'api_error';

interface Entry {
  readonly status: number;
  readonly type: AnswerType;
  readonly message: string;
}

/**
 * Every refusal that the gateway itself makes, in OpenAI's terms. Messages hold nothing of the request and say
 * what to do next; `{name}` is filled in by {@link refuse}.
 */
export const ANSWERS = {
  missing_api_key: {
    status: 401,
    type: 'authentication_error',
    message: 'No API key was sent. Send one of your keys as `Authorization: Bearer tgk_…`.',
  },
  invalid_api_key: {
    status: 401,
    type: 'authentication_error',
    message: 'The API key is not known here, or was revoked. Ask your platform team for a valid one.',
  },
  expired_api_key: {
    status: 401,
    type: 'authentication_error',
    message: 'The API key has expired. Ask your platform team for a new one.',
  },
  invalid_token: {
    status: 401,
    type: 'authentication_error',
    message:
      'The token is not one of the identity provider for this gateway. Sign in again, or send an API key.',
  },
  expired_token: {
    status: 401,
    type: 'authentication_error',
    message: 'The token of the identity provider has expired. Sign in again.',
  },
  unknown_user: {
    status: 403,
    type: 'permission_error',
    message:
      'The identity provider knows you, but the directory does not. Ask your platform team to add you.',
  },
  no_team: {
    status: 403,
    type: 'permission_error',
    message:
      'It is not clear which team your calls belong to: you need a role in one, or a token that names one of them.',
  },
  identity_unavailable: {
    status: 503,
    type: 'api_error',
    message:
      "The identity provider's keys are not to be had, so your token can't be verified. Try again shortly.",
  },
  metrics_token: {
    status: 401,
    type: 'authentication_error',
    message: 'Metrics are for tokens with the scope metrics:read, sent as `Authorization: Bearer tgs_…`.',
  },
  policy_failed: {
    status: 500,
    type: 'api_error',
    message:
      "The request could not be checked by your company's policies, so it was not sent. Tell your platform team.",
  },
  output_blocked: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'The answer holds something that the policy {name} does not let through, so it ends here. Ask for something else.',
  },
  invalid_json: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The body is not a JSON object in UTF-8.',
  },
  invalid_body: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The member `{param}` is missing or of the wrong type.',
  },
  unknown_invocation: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'An invocation holds `messages`, `prompt`, `input`, or rows (`dataframe_split`, `dataframe_records`, `instances` or `inputs`).',
  },
  invalid_evaluation: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'Give `text` (with `role` and `model` if you like), or `request` with the `endpoint` that it is for; nothing else.',
  },
  background_not_served: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'Responses in the background are not served, since what they use could not be told. Leave `background` out.',
  },
  body_incomplete: {
    status: 400,
    type: 'invalid_request_error',
    message: 'The body could not be read to its end. Check `content-length` and send it again.',
  },
  body_too_large: {
    status: 413,
    type: 'invalid_request_error',
    message: 'The body is larger than {limit} bytes, the most that is accepted here.',
  },
  model_not_found: {
    status: 404,
    type: 'invalid_request_error',
    message: 'No such model is offered to this key. GET /v1/models lists those that are.',
  },
  model_not_for_endpoint: {
    status: 400,
    type: 'invalid_request_error',
    message:
      'This model is not for this path or kind of body: embedding models are called at /v1/embeddings, rows go to custom models at /serving-endpoints/…/invocations.',
  },
  unknown_route: {
    status: 404,
    type: 'invalid_request_error',
    message: 'No such path. See the documentation for what is served under /v1.',
  },
  method_not_allowed: {
    status: 405,
    type: 'invalid_request_error',
    message: 'This path is not served with this method. Use {allow}.',
  },
  overloaded: {
    status: 503,
    type: 'api_error',
    message: 'The gateway has as many calls in flight as it may. Try again shortly.',
  },
  audit_unavailable: {
    status: 503,
    type: 'api_error',
    message: 'The audit trail cannot be written just now, so the call was not made. Try again shortly.',
  },
  payloads_unavailable: {
    status: 503,
    type: 'api_error',
    message:
      'Prompts and answers of this model have to be kept, and can not be just now, so the call was not made. Try again shortly.',
  },
  directory_stale: {
    status: 503,
    type: 'api_error',
    message: 'The gateway has not heard from the directory for too long to trust keys. Try again shortly.',
  },
  shutting_down: {
    status: 503,
    type: 'api_error',
    message: 'This gateway is shutting down. Try again: another one will answer.',
  },
  upstream_unreachable: {
    status: 502,
    type: 'api_error',
    message: 'The model endpoint could not be reached. Try again shortly.',
  },
  upstream_broke: {
    status: 502,
    type: 'api_error',
    message: 'The connection to the model endpoint broke before the answer was whole. Try again.',
  },
  upstream_unavailable: {
    status: 503,
    type: 'api_error',
    message:
      'Every endpoint of this model fails or asked to be left alone for a while, so none was called. Try again later.',
  },
  upstream_rate_limit: {
    status: 429,
    type: 'rate_limit_error',
    message:
      "The limit of this model's endpoints was reached a moment ago, so none was called. Try again later.",
  },
  upstream_refused_credential: {
    status: 502,
    type: 'api_error',
    message: "The model endpoint refused the gateway's own credential. Your platform team has to renew it.",
  },
  credential_unavailable: {
    status: 503,
    type: 'api_error',
    message: 'The gateway has no credential for the model endpoint just now. Try again shortly.',
  },
  upstream_permission_denied: {
    status: 502,
    type: 'api_error',
    message:
      "The gateway's own credential may not query this model endpoint. Your platform team has to give it the permission.",
  },
  upstream_endpoint_not_found: {
    status: 404,
    type: 'invalid_request_error',
    message:
      "The model's endpoint does not exist where it is looked for. Your platform team has to correct its target.",
  },
  upstream_guardrail: {
    status: 400,
    type: 'invalid_request_error',
    message:
      "The model endpoint's own guardrail found personal data and blocked the call. Leave them out, and send it again.",
  },
  upstream_guardrail_safety: {
    status: 400,
    type: 'invalid_request_error',
    message: "The model endpoint's own guardrail took the call for unsafe and blocked it.",
  },
  upstream_scaling_up: {
    status: 503,
    type: 'api_error',
    message: 'The model endpoint was at rest and is being started. Try again shortly.',
  },
  upstream_unexpected: {
    status: 502,
    type: 'api_error',
    message: 'The model endpoint gave an answer that is none. Try again, or tell your platform team.',
  },
  upstream_answer_too_large: {
    status: 502,
    type: 'api_error',
    message: 'The answer of the model endpoint is larger than {limit} bytes, the most that is passed on.',
  },
  upstream_timeout: {
    status: 504,
    type: 'api_error',
    message: 'The model endpoint did not answer in time. Try again, or ask for less.',
  },
  budgets_unavailable: {
    status: 503,
    type: 'api_error',
    message:
      'A limit applies to this request, and how much of it is left can not be told just now. Try again shortly.',
  },
  model_unpriced: {
    status: 429,
    type: 'insufficient_quota',
    message:
      'The strict limit {name} counts money, and this model has no price yet. Ask your finance team for one.',
  },
  input_unbounded: {
    status: 400,
    type: 'invalid_request_error',
    message:
      "The strict limit {name} counts input, and this request's can not be told beforehand: it goes on from what the model's endpoint keeps, or uses tools that run there. Send the whole input, with tools of your own.",
  },
  caller_left: {
    status: 499,
    type: 'api_error',
    message: 'The caller closed the connection before the request was decided on.',
  },
  internal_error: {
    status: 500,
    type: 'api_error',
    message: 'The gateway failed. The request id leads your platform team to the cause.',
  },
} as const satisfies Record<string, Entry>;

export type AnswerCode = keyof typeof ANSWERS;

/** What a caller is told: status and the four members of an OpenAI error body. */
export interface Refusal {
  readonly status: number;
  readonly type: string;
  readonly code: string;
  readonly message: string;
  readonly param: string | null;
  /** Seconds, for a `retry-after` header. */
  readonly retryAfter: number | null;
  /** More headers for its answer. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Seconds after which a caller is asked to come back where the gateway itself is the cause. */
export const RETRY_AFTER_SECONDS = 2;

/** A refusal of the catalogue. `values` fill the message's placeholders; `param` names the body's member. */
export function refuse(
  code: AnswerCode,
  values: {
    readonly param?: string;
    readonly limit?: number;
    readonly allow?: string;
    readonly name?: string;
  } = {},
): Refusal {
  const entry: Entry = ANSWERS[code];
  return {
    status: entry.status,
    type: entry.type,
    code,
    message: entry.message
      .replace('{param}', values.param ?? '')
      .replace('{limit}', String(values.limit ?? ''))
      .replace('{allow}', values.allow ?? '')
      .replace('{name}', () => values.name ?? ''),
    param: values.param ?? null,
    retryAfter: entry.status === 503 ? RETRY_AFTER_SECONDS : null,
  };
}

/** A policy's denial, whose message holds no text of the request. */
export function refuseByPolicy({ status, code, message }: Denial): Refusal {
  return {
    status,
    type: DENIAL_TYPES[status],
    code,
    message,
    param: null,
    retryAfter: status === 503 ? RETRY_AFTER_SECONDS : null,
  };
}

const DENIAL_TYPES: Readonly<Record<Denial['status'], AnswerType>> = {
  400: 'invalid_request_error',
  403: 'permission_error',
  413: 'invalid_request_error',
  503: 'api_error',
};
