/** Everything that a token can allow, each with what it opens. The one list: routes name their scope from it. */
export const SCOPES = {
  'directory:read': 'see organisations, teams, projects, principals and keys',
  'directory:write': 'change organisations, teams, projects, cost centres, principals and groups',
  'keys:write': 'create and revoke API keys',
  'roles:assign': 'give roles to groups, make access tokens with any role or scope',
  'grants:request': 'ask for a role for a while, for oneself or another',
  'grants:approve': 'be the second person behind a role grant',
  'gateway:register': 'register a gateway instance and its public key',
  'events:replay': 'read the archive of events',
  'audit:read': 'search the audit trail',
  'audit:export': 'export parts of the audit trail',
  'payloads:store': 'hand in prompts and completions, as gateways do',
  'payloads:reveal': 'read stored prompts and completions',
  'payloads:erase': 'erase stored prompts and completions, set legal holds',
  'payloads:keys': 'rotate the keys of the payload vault',
  'log:read': 'read the transparency log, its checkpoints and proofs',
  'gaps:read': 'see sources, their progress and their gaps',
  'losses:acknowledge': 'acknowledge that a source of events is lost for good',
  'completeness:read': 'see whether a period is complete, by a signed statement',
  'report:read': 'see charges, rollups and reports',
  'prices:read': 'see the price book',
  'prices:write': 'propose and approve prices',
  'periods:read': 'see billing periods and invoices',
  'periods:close': 'close billing periods and seal invoices',
  'limits:read': 'see limits',
  'limits:write': 'change limits',
  'budgets:read': 'see what is used and left of limits',
  'budgets:lease': 'take, report and give back leases, as gateways do',
  'lakehouse:read': 'see what the lakehouse holds, and what waits for it',
  'dead-letters:read': 'see dead letters',
  'dead-letters:replay': 'send dead letters again',
  'metrics:read': 'scrape /metrics',
} as const;

export type Scope = keyof typeof SCOPES;

/** Whether `text` names a scope of this release; a token may carry one of a later release, which opens nothing. */
export function isScope(text: string): text is Scope {
  return Object.hasOwn(SCOPES, text);
}
