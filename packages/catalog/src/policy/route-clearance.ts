import type { PolicyConfig, Route, Target } from '@tollgate/policy';
import type { Catalog } from '../catalog.ts';
import type { EpochMs } from '../instant.ts';
import { assess } from '../queries/assess.ts';
import type { Lifecycle } from '../queries/lifecycle.ts';
import { type Alternative, describeAlternative } from '../queries/nearest-alternative.ts';
import type { Assessment, Breach, Question, Rule } from '../queries/question.ts';
import { isOff, modeOf, RouteAdvice } from './route-advice.ts';

/** A target that may be called. */
export interface ClearedTarget {
  readonly target: Target;
  /** Its share of the route's traffic; at least one has some. */
  readonly weight: number;
  readonly assessment: Assessment;
}

/** A target that may not. */
export interface LeftOut extends Breach {
  readonly target: Target;
  readonly lifecycle: Lifecycle;
}

export type RouteRule = Rule | 'feature_flag_off';

/** With which HTTP status a gateway refuses: what may not be is forbidden, what is not to be had is a bad request. */
export const RULE_STATUS: Readonly<Record<RouteRule, 400 | 403>> = {
  model_unknown: 400,
  model_retired: 400,
  model_unavailable: 400,
  residency_violation: 403,
  cross_geography_not_allowed: 403,
  standard_not_met: 403,
  container_too_old: 403,
  feature_flag_off: 403,
};

/** What the catalogue makes of a route at an instant. */
export interface RouteClearance {
  readonly route: Route;
  /** In the route's order; none where it is refused. */
  readonly cleared: readonly ClearedTarget[];
  readonly leftOut: readonly LeftOut[];
  /** Why requests for its model are refused; `null`: they are not. */
  readonly refusal: {
    readonly rule: RouteRule;
    readonly message: string;
    readonly alternative: Alternative | null;
  } | null;
}

/** Judges every route of a configuration. */
export function clearRoutes(config: PolicyConfig, catalog: Catalog, at: EpochMs): RouteClearance[] {
  const advice = new RouteAdvice(config, catalog);
  return config.routes.map((route) => clearRoute(config, catalog, route, at, advice));
}

/**
 * Judges a route. Where a safety filter sends texts to a target that may not get them, it is refused. Targets that may not be
 * called are left out; where nothing with a weight is left, the first that is left takes the traffic; where nothing at all is
 * left, the route is refused for the reason of its first target.
 */
function clearRoute(
  config: PolicyConfig,
  catalog: Catalog,
  route: Route,
  at: EpochMs,
  advice: RouteAdvice,
): RouteClearance {
  if (isOff(config, route)) {
    const message = `"${route.model}" is behind the feature flag "${route.featureFlag}", which is off.`;
    return {
      route,
      cleared: [],
      leftOut: [],
      refusal: { rule: 'feature_flag_off', message, alternative: null },
    };
  }
  const told = judgeBreach(config, catalog, route, at);
  if (told !== null) return { route, cleared: [], leftOut: [], refusal: { ...told, alternative: null } };
  const cleared: ClearedTarget[] = [];
  const leftOut: LeftOut[] = [];
  for (const { target, weight } of route.targets) {
    const assessment = assess(catalog, questionOf(config, route, target, at));
    const [breach] = assessment.breaches;
    if (breach === undefined) cleared.push({ target, weight, assessment });
    else leftOut.push({ target, lifecycle: assessment.lifecycle, ...breach });
  }
  const [first] = leftOut;
  if (cleared.length === 0 && first !== undefined) {
    return {
      route,
      cleared,
      leftOut,
      refusal: refusalOf(route, first, advice.instead(questionOf(config, route, first.target, at))),
    };
  }
  return { route, cleared: withTraffic(cleared), leftOut, refusal: null };
}

/** What is asked of the catalogue about a target of a route. */
function questionOf(config: PolicyConfig, route: Route, target: Target, at: EpochMs): Question {
  return {
    model: target.provider.model,
    mode: modeOf(target),
    region: target.region,
    within: route.region,
    standards: route.requiredStandards,
    crossGeographyAllowed: route.allowCrossGeography,
    at,
    requireKnown: config.catalog.requireKnown,
    // A route that asks for a place or a standard is held to all that is known; elsewhere upstreams refuse by themselves.
    refuseRetired:
      config.catalog.refuseRetired || route.region !== null || route.requiredStandards.length > 0,
  };
}

/** Why the safety filter's target may not be told what requests of a route say; `null`: it may, or there is none. */
function judgeBreach(config: PolicyConfig, catalog: Catalog, route: Route, at: EpochMs): Breach | null {
  const id = config.policies.safetyFilter?.target;
  const target = config.targets.find((other) => other.id === id);
  if (target === undefined) return null;
  const question = { ...questionOf(config, route, target, at), refuseRetired: false };
  const [breach] = assess(catalog, question).breaches;
  if (breach === undefined) return null;
  return { rule: breach.rule, message: `safety-filter sends texts to "${target.id}". ${breach.message}` };
}

function withTraffic(cleared: readonly ClearedTarget[]): readonly ClearedTarget[] {
  if (cleared.some(({ weight }) => weight > 0)) return cleared;
  return cleared.map((target, index) => (index === 0 ? { ...target, weight: 1 } : target));
}

function refusalOf(route: Route, first: LeftOut, alternative: Alternative | null): RouteClearance['refusal'] {
  const { length } = route.targets;
  const several = length > 1 ? `None of the ${length} targets of this route is permitted. ` : '';
  const instead =
    alternative === null
      ? 'The catalogue has nothing that is permitted instead.'
      : `Nearest permitted: ${describeAlternative(alternative)}.`;
  return { rule: first.rule, message: `${several}${first.message} ${instead}`, alternative };
}
