import { dayText } from '../instant.ts';
import type { ClearedTarget, RouteClearance } from './route-clearance.ts';

/** What the catalogue has to say about a configuration that is valid. */
export interface PolicyWarning {
  readonly code:
    | 'route-refused'
    | 'target-left-out'
    | 'preview-without-fallback'
    | 'retired-model'
    | 'redirected-model'
    | 'retirement-ahead'
    | 'unknown-model'
    | 'unconfirmed';
  /** The name that requests give. */
  readonly model: string;
  readonly target: string | null;
  readonly message: string;
}

/** What to know of a configuration, by what the catalogue makes of its routes. */
export function policyWarnings(clearances: readonly RouteClearance[]): PolicyWarning[] {
  return clearances.flatMap((clearance) => [
    ...refusals(clearance),
    ...clearance.cleared.flatMap((cleared) => warningsOf(clearance, cleared)),
  ]);
}

function refusals({ route: { model }, refusal, leftOut }: RouteClearance): PolicyWarning[] {
  const refused: PolicyWarning[] =
    refusal === null
      ? []
      : [
          {
            code: 'route-refused',
            model,
            target: null,
            message: `Refused with ${refusal.rule}: ${refusal.message}`,
          },
        ];
  if (refusal !== null && leftOut.length === 1) return refused;
  const out = leftOut.map(
    ({ target, rule, message }): PolicyWarning => ({
      code: 'target-left-out',
      model,
      target: target.id,
      message: `Never called, by ${rule}: ${message}`,
    }),
  );
  return [...refused, ...out];
}

function warningsOf(
  { route, cleared }: RouteClearance,
  { target, assessment }: ClearedTarget,
): PolicyWarning[] {
  const { notes, lifecycle, servedModel } = assessment;
  const { retiresMs, goneMs, redirectTo } = lifecycle;
  const warning = (code: PolicyWarning['code'], message: string): PolicyWarning => ({
    code,
    model: route.model,
    target: target.id,
    message,
  });
  const warnings = notes.flatMap((note): PolicyWarning[] => {
    switch (note) {
      case 'preview-model':
        return route.featureFlag !== null || cleared.some((other) => isStable(other))
          ? []
          : [
              warning(
                'preview-without-fallback',
                `${servedModel} is a preview: put the route behind a feature_flag, or give it a fallback that is none.`,
              ),
            ];
      case 'retired-model':
        return [
          warning(
            'retired-model',
            `${servedModel} is retired${goneMs === null ? '' : ` since ${dayText(goneMs)}`}: move to another model.`,
          ),
        ];
      case 'redirected-model':
        return [
          warning(
            'redirected-model',
            `${target.provider.model} is answered by ${redirectTo ?? 'another model'}${goneMs === null ? '' : ` until ${dayText(goneMs)}`}: move there.`,
          ),
        ];
      case 'unknown-model':
        return [warning('unknown-model', `The catalogue does not know ${target.provider.model}.`)];
      default:
        return [warning('unconfirmed', `Let through, and noted with each call: ${note}.`)];
    }
  });
  const ahead = lifecycle.notice && lifecycle.status !== 'retired' && lifecycle.status !== 'redirected';
  if (!ahead || retiresMs === null) return warnings;
  return [
    ...warnings,
    warning(
      'retirement-ahead',
      `${target.provider.model} is retired on ${dayText(retiresMs)}: choose what follows it.`,
    ),
  ];
}

/** Neither a preview nor on its way out. */
function isStable({ assessment: { notes, lifecycle } }: ClearedTarget): boolean {
  return !notes.includes('preview-model') && !notes.includes('retired-model') && !lifecycle.notice;
}
