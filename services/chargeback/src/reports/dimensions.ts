import type { DirectoryView } from '@tollgate/http';

/** What a report can be grouped by: each with its SQL over a rollup `h` and the table `attribution` `a`. */
export const DIMENSIONS = {
  organisation: { sql: 'a.organisation_id' },
  team: { sql: 'a.team_id' },
  project: { sql: 'a.project_id' },
  cost_centre: { sql: 'a.cost_centre_id' },
  principal: { sql: 'a.principal_id' },
  key: { sql: 'a.key_id' },
  /** What served the request; what was asked for where nobody knows. */
  model: { sql: 'coalesce(a.served_model, a.requested_model)' },
  requested_model: { sql: 'a.requested_model' },
  serving_mode: { sql: 'a.serving_mode' },
  region: { sql: 'a.region' },
  outcome: { sql: 'h.outcome' },
  fidelity: { sql: 'h.fidelity' },
  period: { sql: 'h.billing_period' },
  /** In UTC, as are hours. */
  day: { sql: "to_char(h.hour, 'YYYY-MM-DD')" },
  hour: { sql: `to_char(h.hour, 'YYYY-MM-DD"T"HH24:MI:SS"Z"')` },
} as const satisfies Record<string, { sql: string }>;

export type Dimension = keyof typeof DIMENSIONS;

/** Dimensions whose values are ids of the directory, which knows their names. */
export const NAMED_DIMENSIONS = [
  'organisation',
  'team',
  'project',
  'cost_centre',
  'principal',
  'key',
] as const;
export type NamedDimension = (typeof NAMED_DIMENSIONS)[number];

export function isDimension(text: string): text is Dimension {
  return Object.hasOwn(DIMENSIONS, text);
}

export function isNamed(dimension: Dimension): dimension is NamedDimension {
  return (NAMED_DIMENSIONS as readonly Dimension[]).includes(dimension);
}

/** The name of an id; null where the directory does not know it, or no longer. */
export function nameIn(view: DirectoryView, dimension: NamedDimension, id: string): string | null {
  switch (dimension) {
    case 'organisation':
      return view.entity('organisation', id)?.name ?? null;
    case 'team':
      return view.entity('team', id)?.name ?? null;
    case 'project':
      return view.entity('project', id)?.name ?? null;
    case 'cost_centre':
      return view.entity('cost-centre', id)?.name ?? null;
    case 'principal':
      return (view.entity('service-principal', id) ?? view.entity('user', id))?.name ?? null;
    case 'key':
      return view.entity('api-key', id)?.name ?? null;
  }
}
