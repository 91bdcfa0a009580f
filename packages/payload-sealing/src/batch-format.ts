import { TAG_BYTES, X25519_KEY_BYTES } from './hpke.ts';
import { SALT_BYTES } from './payload.ts';
import { KEY_ID_BYTES } from './sealing-key.ts';

/**
 * A batch, which is a file of the gateway's payload spool and the body of one request to the vault alike:
 *
 *     header   "TGPB", version (1 byte), zero (3), id of the sealing key (8), encapsulated key (32)
 *     group    length of the rest (4), CRC-32 of the rest (4), sealed payloads
 *
 * and what is sealed in a group, one behind the other:
 *
 *     payload  length of the facts (2), length of the body (4), salt of the digest (32), body, facts (JSON)
 *
 * Numbers are big-endian. Group n, counted from 0, is message n of the header's HPKE context, without additional data.
 */

export const MAGIC = Buffer.from('TGPB');
export const VERSION = 2;
export const KEY_ID_AT = 8;
export const ENCAPSULATED_AT = KEY_ID_AT + KEY_ID_BYTES;
export const HEADER_BYTES = ENCAPSULATED_AT + X25519_KEY_BYTES;

export const GROUP_HEAD_BYTES = 8;
/** No group is shorter. */
export const MIN_SEALED_BYTES = TAG_BYTES;

/** Where the parts of a payload stand within a group, from its beginning. */
export const BODY_LENGTH_AT = 2;
export const SALT_AT = 6;
export const BODY_AT = SALT_AT + SALT_BYTES;

/** Facts are ids, instants and sizes; a payload with more is refused. */
export const MAX_FACTS_BYTES = 8192;

/** What HPKE binds every group to. */
export const BATCH_INFO = Buffer.from('tollgate payload batch v2');

/** Names the key of a payload among those that the context of its batch exports. */
export function payloadKeyLabel(nth: number): Buffer {
  return Buffer.from(`tollgate payload key ${nth}`);
}
