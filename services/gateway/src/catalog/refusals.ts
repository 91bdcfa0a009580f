import type { Note, RouteClearance, RouteRule } from '@tollgate/catalog';
import type { Finding } from '@tollgate/policy';
import type { AnswerType, Refusal } from '../errors.ts';

/** What findings of the catalogue name as their policy. */
const POLICY = 'catalog';

/** How each rule is answered: what may not be is forbidden, what is not there to be had is a bad request. */
const ANSWERED: Readonly<Record<RouteRule, { readonly status: number; readonly type: AnswerType }>> = {
  model_unknown: { status: 400, type: 'invalid_request_error' },
  model_unavailable: { status: 400, type: 'invalid_request_error' },
  model_retired: { status: 400, type: 'invalid_request_error' },
  residency_violation: { status: 403, type: 'permission_error' },
  cross_geography_not_allowed: { status: 403, type: 'permission_error' },
  standard_not_met: { status: 403, type: 'permission_error' },
  container_too_old: { status: 403, type: 'permission_error' },
  feature_flag_off: { status: 403, type: 'permission_error' },
};

/** A route's refusal, in OpenAI's terms. */
export function refuseByCatalog({ rule, message }: NonNullable<RouteClearance['refusal']>): Refusal {
  return { ...ANSWERED[rule], code: rule, message, param: 'model', retryAfter: null };
}

/** The finding that a refusal is recorded with. */
export function refusalFinding(rule: RouteRule): Finding {
  return { policy: POLICY, rule, action: 'block', count: 1 };
}

/** The findings that calls of a target are recorded with. */
export function noteFindings(notes: readonly Note[]): readonly Finding[] {
  return notes.map((rule) => ({ policy: POLICY, rule, action: 'flag', count: 1 }));
}
