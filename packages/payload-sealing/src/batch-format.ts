import { TAG_BYTES, X25519_KEY_BYTES } from './hpke.ts';
import { PAYLOAD_KEY_BYTES } from './payload.ts';
import { KEY_ID_BYTES } from './sealing-key.ts';

/**
 * A batch, which is a file of the gateway's payload spool and the body of one request to the vault alike:
 *
 *     header   "TGPB", version (1 byte), zero (3), id of the sealing key (8), encapsulated key (32)
 *     record   length of the rest (4), CRC-32 of the rest (4), length of the facts (2), facts (JSON), sealed key (48),
 *              encrypted body
 *
 * Numbers are big-endian. The sealed key is message number n of the header's HPKE context, where n counts the records
 * from 0; the facts are its additional data.
 */

export const MAGIC = Buffer.from('TGPB');
export const VERSION = 1;
export const KEY_ID_AT = 8;
export const ENCAPSULATED_AT = KEY_ID_AT + KEY_ID_BYTES;
export const HEADER_BYTES = ENCAPSULATED_AT + X25519_KEY_BYTES;

export const RECORD_HEAD_BYTES = 8;
export const FACTS_LENGTH_BYTES = 2;
export const SEALED_KEY_BYTES = PAYLOAD_KEY_BYTES + TAG_BYTES;

/** Facts are ids, instants and sizes; a record with more is refused. */
export const MAX_FACTS_BYTES = 8192;

/** What HPKE binds every sealed key to besides its facts. */
export const BATCH_INFO = Buffer.from('tollgate payload batch v1');
