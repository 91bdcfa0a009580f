import type { RouteClearance } from '@tollgate/catalog';
import type { Finding } from '@tollgate/policy';
import type { Refusal } from '../errors.ts';
import { lifecycleHeaders } from './lifecycle-headers.ts';
import { refusalFinding, refuseByCatalog } from './refusals.ts';

/** A route of which the catalogue, or its feature flag, lets nothing be called. Answers are made once, with the route. */
export class BarredRoute {
  readonly refusal: Refusal;
  /** What each request that it is refused for is recorded with. */
  readonly findings: readonly Finding[];

  constructor({ leftOut: [first] }: RouteClearance, why: NonNullable<RouteClearance['refusal']>) {
    const headers = first === undefined ? null : lifecycleHeaders(first.lifecycle);
    const refusal = refuseByCatalog(why);
    this.refusal = headers === null ? refusal : { ...refusal, headers };
    this.findings = [refusalFinding(why.rule)];
  }
}
