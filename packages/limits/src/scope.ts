import type { Attribution } from '@tollgate/events';

/**
 * What a scope can name, and where an attribution says it. A limit applies to what its organisation's requests have in
 * common with every entry of its scope; an empty scope is the whole organisation. `model` is the model that was asked
 * for, since that is known before anything is reserved, and stays the same when another one answers.
 */
const VALUE_OF = {
  team: (of) => of.team_id,
  project: (of) => of.project_id,
  'cost-centre': (of) => of.cost_centre_id,
  /** A person, a service or a key, by its id. */
  principal: (of) => of.principal_id,
  /** A person only. */
  user: (of) => (of.principal_type === 'user' ? of.principal_id : null),
  key: (of) => of.key_id,
  model: (of) => of.requested_model,
} as const satisfies Record<string, (of: Attribution) => string | null>;

export type ScopeKey = keyof typeof VALUE_OF;

/** Entries of a scope, each an id (or a model's name). */
export type Scope = Readonly<Partial<Record<ScopeKey, string>>>;

/** The keys, from the most to the least selective: a limit is looked up by its first. */
export const SCOPE_KEYS: readonly ScopeKey[] = [
  'key',
  'user',
  'principal',
  'project',
  'team',
  'cost-centre',
  'model',
];

/** Whether a text is one of the keys. */
export function isScopeKey(text: string): text is ScopeKey {
  return Object.hasOwn(VALUE_OF, text);
}

/** What an attribution says of a key; null where nothing. */
export function scopeValue(key: ScopeKey, of: Attribution): string | null {
  return VALUE_OF[key](of);
}

/** Whether an attribution has everything that a scope names. The organisation is compared by the caller. */
export function scopeMatches(scope: Scope, of: Attribution): boolean {
  for (const key of SCOPE_KEYS) {
    const wanted = scope[key];
    if (wanted !== undefined && wanted !== VALUE_OF[key](of)) return false;
  }
  return true;
}

/** One text per scope, whatever the order of its entries. */
export function scopeText(scope: Scope): string {
  return SCOPE_KEYS.flatMap((key) => (scope[key] === undefined ? [] : [`${key}=${scope[key]}`])).join(' ');
}
