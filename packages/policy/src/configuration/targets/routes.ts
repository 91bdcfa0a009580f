import type { FieldPath, LocatedDocument } from '../document/document.ts';
import { nearestName } from '../document/nearest-name.ts';
import { type Problems, readSection } from '../document/section.ts';
import { keptOf, type PayloadCapture, payloadCapture } from '../payload-capture.ts';
import type { Route, RouteTarget, Target } from '../policy-config.ts';
import { type RouteSection, routeSchema } from '../schema/file-schema.ts';
import { requireFeature, type Support } from '../support.ts';

/** What the routes of a file share. */
export interface RouteContext {
  /** Of routes that don't name their own. */
  readonly payloads: PayloadCapture;
  readonly featureFlags: ReadonlyMap<string, boolean>;
  readonly support: Support;
  readonly document: LocatedDocument;
  readonly problems: Problems;
}

/** A target where the file names it; a default target has no place. */
export interface PlacedTarget {
  readonly target: Target;
  readonly path: FieldPath | null;
}

/**
 * The routes: those of the file, and one for each model of a target that the file has no route for, whose targets are
 * each other's fallbacks in their order.
 */
export function readRoutes(
  value: readonly unknown[] | null | undefined,
  targets: readonly PlacedTarget[],
  context: RouteContext,
): Route[] {
  const { document, problems, support } = context;
  const routes: Route[] = [];
  const models = new Set<string>();
  for (const [index, entry] of (value ?? []).entries()) {
    const path = ['routes', index];
    requireFeature('routes', support, path, document, problems);
    const section = readSection(routeSchema, entry, path, document, problems);
    const route = section === undefined ? undefined : readRoute(section, path, targets, context);
    if (route === undefined) continue;
    if (models.has(route.model)) {
      const message = `Another route serves "${route.model}": put its targets into one.`;
      problems.push(document.problem('duplicate', [...path, 'model'], message));
    }
    models.add(route.model);
    routes.push(route);
  }
  const ofModel = Map.groupBy(targets, ({ target }) => target.provider.model);
  for (const [model, placed] of ofModel) {
    if (models.has(model)) continue;
    const second = placed[1]?.path ?? null;
    if (second !== null) requireFeature('routes', support, second, document, problems);
    routes.push({
      model,
      targets: placed.map(({ target }, index) => ({ target, weight: index === 0 ? 1 : 0 })),
      durability: null,
      payloads: keptOf(context.payloads, placed),
      defaultMaxOutputTokens: null,
      region: null,
      requiredStandards: [],
      allowCrossGeography: null,
      featureFlag: null,
    });
  }
  return routes;
}

function readRoute(
  section: RouteSection,
  path: FieldPath,
  placed: readonly PlacedTarget[],
  context: RouteContext,
): Route | undefined {
  const { document, problems, support, featureFlags } = context;
  const targets = readRouteTargets(section, path, placed, context);
  if (section.region !== undefined || section.required_standards.length > 0) {
    const field = section.region !== undefined ? 'region' : 'required_standards';
    requireFeature('residency', support, [...path, field], document, problems);
  }
  const payloads =
    section.payloads === undefined
      ? context.payloads
      : payloadCapture(section.payloads, [...path, 'payloads'], support, document, problems);
  const flag = section.feature_flag;
  if (flag !== undefined) {
    const place = [...path, 'feature_flag'];
    requireFeature('feature-flags', support, place, document, problems);
    if (!featureFlags.has(flag)) {
      const meant = nearestName(flag, featureFlags.keys());
      const advice = meant === null ? 'add it there, as true or false.' : `did you mean "${meant}"?`;
      problems.push(
        document.problem('contradiction', place, `"${flag}" is not under feature_flags: ${advice}`),
      );
    }
  }
  if (targets === undefined) return undefined;
  return {
    model: section.model,
    targets,
    durability: section.durability ?? null,
    payloads: keptOf(payloads, targets),
    defaultMaxOutputTokens: section.default_max_output_tokens ?? null,
    region: section.region ?? null,
    requiredStandards: section.required_standards,
    allowCrossGeography: section.allow_cross_geography,
    featureFlag: flag ?? null,
  };
}

/** Without any weight the first target gets all; with some, a target without one is a fallback. */
function readRouteTargets(
  section: RouteSection,
  path: FieldPath,
  placed: readonly PlacedTarget[],
  { document, problems }: RouteContext,
): readonly RouteTarget[] | undefined {
  const before = problems.length;
  const weighted = section.targets.some(({ weight }) => weight !== undefined);
  const named = [
    ...section.targets.map(({ target, weight }, index) => ({
      id: target,
      weight: weighted ? (weight ?? 0) : Number(index === 0),
      place: [...path, 'targets', index, 'target'],
    })),
    ...section.fallbacks.map((id, index) => ({ id, weight: 0, place: [...path, 'fallbacks', index] })),
  ];
  const targets: RouteTarget[] = [];
  for (const { id, weight, place } of named) {
    const target = placed.find((candidate) => candidate.target.id === id)?.target;
    if (target === undefined) {
      const ids = placed.map((candidate) => candidate.target.id);
      const meant = nearestName(id, ids);
      const advice = meant === null ? `Known: ${ids.join(', ') || 'none'}.` : `Did you mean "${meant}"?`;
      problems.push(document.problem('contradiction', place, `No target has the id "${id}". ${advice}`));
    } else if (targets.some((other) => other.target === target)) {
      problems.push(document.problem('duplicate', place, `"${id}" stands in this route twice; remove one.`));
    } else targets.push({ target, weight });
  }
  if (named.every(({ weight }) => weight === 0)) {
    const message = 'Every weight is 0, so no target would get traffic: give one of them a weight.';
    problems.push(document.problem('contradiction', [...path, 'targets'], message));
  }
  const tasks = new Set(targets.map(({ target }) => target.provider.task).filter((task) => task !== null));
  if (tasks.size > 1) {
    const message = 'Its targets serve different tasks, chat and embeddings: make a route for each.';
    problems.push(document.problem('contradiction', [...path, 'targets'], message));
  }
  return problems.length === before ? targets : undefined;
}
