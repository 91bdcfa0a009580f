import { z } from 'zod';
import { EntityStore } from '../store/entity-table.ts';
import type { EntityKind } from './entity-kind.ts';
import { shownBase } from './shown.ts';

/** A gateway and the public key that its heartbeats are signed with; of the whole installation. */
export const gatewayInstances = {
  kind: 'gateway-instance',
  noun: 'gateway instance',
  path: 'gateway-instances',
  title: 'GatewayInstance',
  idPrefix: 'gw',
  store: new EntityStore({
    name: 'gateway_instance',
    columns: ['instance', 'public_key'],
    organisationColumn: null,
    teamColumn: null,
  }),
  members: ['instance', 'public_key'],
  readScope: 'directory:read',
  writeScope: 'directory:write',
  shown: z.object({ ...shownBase, instance: z.string(), public_key: z.string() }),
  // Registering is a route of its own (gateway-instance-routes.ts).
  creation: null,
  change: null,
  filters: [],
} as const satisfies EntityKind;
