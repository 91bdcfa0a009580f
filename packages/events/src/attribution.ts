import { z } from 'zod';
import { instant } from './envelope.ts';

/** An opaque id that the directory minted, such as `team_01jm…`; names are resolved on read. */
export const opaqueId = z.string().min(1).max(128);

/** How an endpoint is served and therefore billed. */
export const servingMode = z.enum(['pay-per-token', 'provisioned-throughput', 'external', 'batch', 'custom']);
export type ServingMode = z.infer<typeof servingMode>;

/** The policy that decided, as it was loaded. */
export const policyVersion = z.looseObject({
  name: z.string(),
  version: z.string(),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
});

/**
 * Who a request is charged to and what served it, as it stood at `requested_at`. Every request, decision and
 * usage event repeats it in full, so that no consumer has to join topics.
 */
export const attribution = z.looseObject({
  organisation_id: opaqueId,
  team_id: opaqueId,
  project_id: opaqueId.nullable(),
  cost_centre_id: opaqueId.nullable(),
  principal_type: z.enum(['user', 'service', 'key']),
  principal_id: opaqueId,
  key_id: opaqueId,
  /** Null where the body could not be read far enough to name one. */
  requested_model: z.string().max(256).nullable(),
  /** Null until a target is chosen. */
  served_model: z.string().max(256).nullable(),
  target_id: z.string().max(256).nullable(),
  serving_mode: servingMode.nullable(),
  region: z.string().max(64).nullable(),
  tags: z.record(z.string().max(64), z.string().max(256)),
  policy: policyVersion,
});
export type Attribution = z.infer<typeof attribution>;

/** What the three events of a request share besides the attribution. */
export const requestContext = {
  attribution,
  /** When the gateway received the request: the instant that price and billing period follow. */
  requested_at: instant,
  /** The client's own `x-request-id`, unverified. */
  client_request_id: z.string().max(128).nullable(),
  /** Until when the audit trail has to keep this event. */
  retain_until: instant.nullable(),
};
