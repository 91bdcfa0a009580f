import { accessTokens } from './access-tokens.ts';
import { apiKeys } from './api-keys.ts';
import { costCentres } from './cost-centres.ts';
import type { EntityKind } from './entity-kind.ts';
import { gatewayInstances } from './gateway-instances.ts';
import { groupRoles, groups } from './groups.ts';
import { organisations } from './organisations.ts';
import { servicePrincipals, users } from './principals.ts';
import { projects } from './projects.ts';
import { roleGrants } from './role-grants.ts';
import { teams } from './teams.ts';

/** Every kind of entity, those that others refer to first. */
export const ENTITY_KINDS: readonly EntityKind[] = [
  organisations,
  costCentres,
  teams,
  projects,
  groups,
  groupRoles,
  users,
  servicePrincipals,
  roleGrants,
  apiKeys,
  accessTokens,
  gatewayInstances,
];
