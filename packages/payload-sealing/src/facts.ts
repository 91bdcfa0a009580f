import { z } from 'zod';

/** Which of a call's two bodies a payload is. */
export const payloadDirection = z.enum(['request', 'response']);
export type PayloadDirection = z.infer<typeof payloadDirection>;

const id = z.string().min(1).max(128);
const instant = z.iso.datetime();
const bytes = z.int().min(0);

/** What is known of a payload without opening it: what it is found, kept and erased by. Never a part of it. */
export const payloadFacts = z.strictObject({
  request_id: z.uuid(),
  direction: payloadDirection,
  organisation_id: id,
  team_id: id,
  principal_type: z.enum(['user', 'service', 'key']),
  principal_id: id,
  /** The body's `user` member, as the caller said it. */
  end_user: z.string().max(256).nullable(),
  requested_at: instant,
  /** Null: as long as the vault's own default says. */
  retain_until: instant.nullable(),
  content_type: z.string().max(256),
  /** Of the whole body. */
  body_bytes: bytes,
  /** Of what is kept of it, from its beginning. */
  kept_bytes: bytes,
  truncated: z.boolean(),
  /** HMAC-SHA-256 of what is kept, under the salt that lies sealed with it; 64 hex digits. */
  digest: z.string().regex(/^[0-9a-f]{64}$/),
});
export type PayloadFacts = z.infer<typeof payloadFacts>;
