import { type Role, role } from '@tollgate/events';
import type { Scope } from './scopes.ts';

const RUN: readonly Scope[] = ['metrics:read', 'dead-letters:read', 'gaps:read', 'completeness:read'];

/**
 * What each role may do: the one table. `finance` closes the books, `security` reads the trail and is the second
 * person behind grants, `platform` runs the installation and arranges who may do what, `team` sees its own.
 */
export const ROLE_SCOPES: Readonly<Record<Role, readonly Scope[]>> = {
  finance: [
    'directory:read',
    'grants:request',
    'report:read',
    'prices:read',
    'prices:write',
    'periods:read',
    'periods:close',
    'limits:read',
    'budgets:read',
    'gaps:read',
    'completeness:read',
    'lakehouse:read',
  ],
  security: [
    'directory:read',
    'grants:request',
    'grants:approve',
    'audit:read',
    'audit:export',
    'payloads:reveal',
    'payloads:erase',
    'log:read',
    'events:replay',
    'gaps:read',
    'losses:acknowledge',
    'completeness:read',
    'lakehouse:read',
    'dead-letters:read',
  ],
  platform: [
    ...RUN,
    'directory:read',
    'grants:request',
    'directory:write',
    'keys:write',
    'roles:assign',
    'grants:approve',
    'gateway:register',
    'events:replay',
    'payloads:keys',
    'log:read',
    'report:read',
    'prices:read',
    'periods:read',
    'limits:read',
    'limits:write',
    'lakehouse:read',
    'budgets:read',
    'dead-letters:replay',
  ],
  team: [
    'directory:read',
    'grants:request',
    'report:read',
    'audit:read',
    'prices:read',
    'limits:read',
    'budgets:read',
  ],
};

/** Whether `text` is a role of ours; groups can also hold roles that only a policy's `rbac` section knows. */
export function isRole(text: string): text is Role {
  return role.safeParse(text).success;
}

/** Whether a role makes sense only for one team. */
export function needsTeam(name: string): boolean {
  return name === 'team';
}
