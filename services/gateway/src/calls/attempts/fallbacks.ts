import type { Policy } from '../../policy/policy.ts';
import type { Route } from '../../routing/route.ts';
import { unservable, upstreamPath } from '../../routing/served-paths.ts';
import type { Target } from '../../routing/target.ts';
import type { Sendable } from './upstream-requests.ts';

/** A target that has let a call in. */
export interface Entered {
  readonly target: Target;
  readonly trial: boolean;
  /** Where it takes the call, below its base URL. */
  readonly path: string;
}

/**
 * Where a request can go besides the target that it was decided for, and what it takes to send it there. Made only for
 * routes of more than one target.
 */
export class Fallbacks {
  readonly route: Route;
  readonly policy: Policy;
  readonly sendable: Sendable;
  readonly #first: Target;
  #next = 0;

  constructor(route: Route, first: Target, policy: Policy, sendable: Sendable) {
    this.route = route;
    this.policy = policy;
    this.sendable = sendable;
    this.#first = first;
  }

  /**
   * Enters the next target in the route's order that serves such a request, is `wanted` and lets a call in. Each comes
   * up once.
   */
  next(nowMs: number, wanted: (target: Target) => boolean): Entered | null {
    const { targets } = this.route;
    const { endpoint, facts } = this.sendable;
    while (this.#next < targets.length) {
      const target = targets[this.#next];
      this.#next += 1;
      if (target === undefined || target === this.#first || !target.health.available(nowMs)) continue;
      const path = upstreamPath(target, endpoint, facts.protocol);
      if (path === null || unservable(target, facts.protocol, path) !== null || !wanted(target)) continue;
      const pass = target.health.enter(nowMs);
      if (pass !== 'no') return { target, trial: pass === 'trial', path };
    }
    return null;
  }
}
