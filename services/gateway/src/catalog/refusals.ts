import { type Note, type RouteClearance, type RouteRule, RULE_STATUS } from '@tollgate/catalog';
import type { Finding } from '@tollgate/policy';
import { type Refusal, refuseByPolicy } from '../errors.ts';

/** What findings and denials of the catalogue name as their policy. */
const POLICY = 'catalog';

/** A route's refusal, in OpenAI's terms. */
export function refuseByCatalog({ rule, message }: NonNullable<RouteClearance['refusal']>): Refusal {
  const denial = { policy: POLICY, code: rule, status: RULE_STATUS[rule], message };
  return { ...refuseByPolicy(denial), param: 'model' };
}

/** The finding that a refusal is recorded with. */
export function refusalFinding(rule: RouteRule): Finding {
  return { policy: POLICY, rule, action: 'block', count: 1 };
}

/** The findings that calls of a target are recorded with. */
export function noteFindings(notes: readonly Note[]): readonly Finding[] {
  return notes.map((rule) => ({ policy: POLICY, rule, action: 'flag', count: 1 }));
}
