import { z } from 'zod';
import { opaqueId } from './attribution.ts';
import { instant } from './envelope.ts';

const name = z.string().min(1).max(200);
const sha256Hex = z.string().regex(/^[0-9a-f]{64}$/);
const base = {
  id: opaqueId,
  /** Counts up with each change of this entity; a follower keeps the greatest. */
  version: z.int().min(1),
  /** A deleted entity stays as a tombstone that still says so. */
  deleted: z.boolean(),
};

/** The roles that people and services can hold; scopes follow from them (packages/http). */
export const role = z.enum(['finance', 'security', 'platform', 'team']);
export type Role = z.infer<typeof role>;

export const organisation = z.looseObject({
  ...base,
  kind: z.literal('organisation'),
  name,
  currency: z.string().regex(/^[A-Z]{3}$/),
  billing_time_zone: z.string().max(64),
});
export const team = z.looseObject({
  ...base,
  kind: z.literal('team'),
  organisation_id: opaqueId,
  name,
  cost_centre_id: opaqueId.nullable(),
});
export const project = z.looseObject({
  ...base,
  kind: z.literal('project'),
  organisation_id: opaqueId,
  team_id: opaqueId,
  name,
  cost_centre_id: opaqueId.nullable(),
});
export const costCentre = z.looseObject({
  ...base,
  kind: z.literal('cost-centre'),
  organisation_id: opaqueId,
  name,
  code: z.string().max(64),
  parent_id: opaqueId.nullable(),
});
export const user = z.looseObject({
  ...base,
  kind: z.literal('user'),
  organisation_id: opaqueId,
  name,
  /** The subject at the identity provider; null until one is linked. */
  external_subject: z.string().max(255).nullable(),
  group_ids: z.array(opaqueId).max(256),
});
export const servicePrincipal = z.looseObject({
  ...base,
  kind: z.literal('service-principal'),
  organisation_id: opaqueId,
  name,
  group_ids: z.array(opaqueId).max(256),
});
export const group = z.looseObject({ ...base, kind: z.literal('group'), organisation_id: opaqueId, name });
/** A group's standing role; `team_id` limits the role `team` to what it may see. */
export const groupRole = z.looseObject({
  ...base,
  kind: z.literal('group-role'),
  organisation_id: opaqueId,
  group_id: opaqueId,
  /** A role of ours, or the name of a role in the policy's `rbac` section. */
  role: z.string().min(1).max(64),
  team_id: opaqueId.nullable(),
});
/** A role for a while: who has it, why, who approved it, until when. */
export const roleGrant = z.looseObject({
  ...base,
  kind: z.literal('role-grant'),
  organisation_id: opaqueId,
  principal_id: opaqueId,
  role: z.string().min(1).max(64),
  team_id: opaqueId.nullable(),
  reason: z.string().min(1).max(1000),
  approved_by: opaqueId,
  expires_at: instant,
});
/** An API key for the gateway. Only the SHA-256 of the key is kept anywhere. */
export const apiKey = z.looseObject({
  ...base,
  kind: z.literal('api-key'),
  organisation_id: opaqueId,
  team_id: opaqueId,
  project_id: opaqueId.nullable(),
  cost_centre_id: opaqueId.nullable(),
  principal_type: z.enum(['user', 'service', 'key']),
  principal_id: opaqueId,
  name,
  sha256: sha256Hex,
  tags: z.record(z.string().max(64), z.string().max(256)),
  expires_at: instant.nullable(),
});
export type ApiKey = z.infer<typeof apiKey>;
/** A token for the services' own APIs. */
export const accessToken = z.looseObject({
  ...base,
  kind: z.literal('access-token'),
  /** Null for a token of the whole installation, such as the bootstrap token or a gateway's. */
  organisation_id: opaqueId.nullable(),
  principal_type: z.enum(['user', 'service']),
  principal_id: opaqueId,
  name,
  sha256: sha256Hex,
  roles: z.array(role).max(8),
  scopes: z.array(z.string().max(64)).max(64),
  team_id: opaqueId.nullable(),
  expires_at: instant.nullable(),
});
export type AccessToken = z.infer<typeof accessToken>;
/** A gateway instance and the public key its heartbeats are signed with. */
export const gatewayInstance = z.looseObject({
  ...base,
  kind: z.literal('gateway-instance'),
  instance: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
  public_key: z.string().max(64),
});

export const directoryEntity = z.discriminatedUnion('kind', [
  organisation,
  team,
  project,
  costCentre,
  user,
  servicePrincipal,
  group,
  groupRole,
  roleGrant,
  apiKey,
  accessToken,
  gatewayInstance,
]);
export type DirectoryEntity = z.infer<typeof directoryEntity>;
export type DirectoryKind = DirectoryEntity['kind'];

/** The state of one entity; key of the message: `<kind>/<id>`. */
export const directoryData = z.looseObject({ entity: directoryEntity });
export type DirectoryData = z.infer<typeof directoryData>;

/** Said every second while the directory is well; not numbered; key of the message: `heartbeat`. */
export const directoryHeartbeatData = z.looseObject({ at: instant });
