import type { Route } from '@tollgate/http';
import type { RecordReading } from '../../search/readings.ts';
import type { VaultParts } from '../vault-parts.ts';
import { custodyRoutes } from './custody-routes.ts';
import { intakeRoutes } from './intake-routes.ts';
import { revealRoutes } from './reveal-routes.ts';

/** Everything that the vault answers to. */
export function vaultRoutes(vault: VaultParts, record: RecordReading): Route[] {
  return [...intakeRoutes(vault, record), ...custodyRoutes(vault), ...revealRoutes(vault)];
}
