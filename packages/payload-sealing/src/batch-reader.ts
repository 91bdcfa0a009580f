import { crc32 } from 'node:zlib';
import {
  BATCH_INFO,
  BODY_AT,
  BODY_LENGTH_AT,
  ENCAPSULATED_AT,
  GROUP_HEAD_BYTES,
  HEADER_BYTES,
  KEY_ID_AT,
  MAGIC,
  MAX_FACTS_BYTES,
  MIN_SEALED_BYTES,
  payloadKeyLabel,
  SALT_AT,
  VERSION,
} from './batch-format.ts';
import { PayloadSealingError } from './errors.ts';
import { type PayloadFacts, payloadFacts } from './facts.ts';
import { setupRecipient } from './hpke.ts';
import { digestOf, encryptPayload } from './payload.ts';
import { KEY_ID_BYTES, type UnsealingKey } from './sealing-key.ts';

/** A payload of a batch: what is known of it, and its body, encrypted under a key of its own. */
export interface OpenedPayload {
  readonly facts: PayloadFacts;
  readonly key: Buffer;
  /** The salt of the digest and the body, encrypted. */
  readonly ciphertext: Buffer;
}

/**
 * Opens a batch, and encrypts each of its payloads under a key of its own. The same batch gives the same keys and the
 * same bytes each time, so that what was cut off half stored can be stored again in the same places, also by two at once.
 *
 * @param keyOf the vault's pair of that id
 * @throws PayloadSealingError `batch_malformed`, `key_unknown`, `seal_broken`
 */
export function openBatch(batch: Buffer, keyOf: (id: string) => UnsealingKey | undefined): OpenedPayload[] {
  if (!isBatchHeader(batch)) throw malformed('it does not begin with the header of a batch');
  const id = batch.subarray(KEY_ID_AT, KEY_ID_AT + KEY_ID_BYTES).toString('hex');
  const key = keyOf(id);
  if (key === undefined) {
    throw new PayloadSealingError('key_unknown', `a batch is sealed to the key ${id}, which is not here`);
  }
  const context = setupRecipient(batch.subarray(ENCAPSULATED_AT, HEADER_BYTES), key.pair, BATCH_INFO);
  const opened: OpenedPayload[] = [];
  let at = HEADER_BYTES;
  for (let nth = 0; at < batch.length; nth += 1) {
    const end = groupEnd(batch, at);
    if (end === null) throw malformed(`group ${nth} is not whole`);
    const group = context.open(nth, Buffer.alloc(0), batch.subarray(at + GROUP_HEAD_BYTES, end));
    for (const { facts, salt, body } of payloadsOf(group, nth)) {
      const { request_id: requestId, direction } = facts;
      const payloadKey = context.exported(payloadKeyLabel(opened.length));
      opened.push({
        facts,
        key: payloadKey,
        ciphertext: encryptPayload({ requestId, direction }, payloadKey, salt, body),
      });
    }
    at = end;
  }
  return opened;
}

/** How many bytes of a file are a batch of whole groups: a process that was killed may have written half a group. 0: no batch. */
export function wholeBytes(file: Buffer): number {
  if (!isBatchHeader(file)) return 0;
  let at = HEADER_BYTES;
  for (;;) {
    const end = groupEnd(file, at);
    if (end === null) return at === HEADER_BYTES ? 0 : at;
    at = end;
  }
}

function isBatchHeader(bytes: Buffer): boolean {
  return (
    bytes.length >= HEADER_BYTES &&
    bytes.subarray(0, MAGIC.length).equals(MAGIC) &&
    bytes[MAGIC.length] === VERSION
  );
}

/** Past the group that begins there; null where there is none that is whole. */
function groupEnd(bytes: Buffer, at: number): number | null {
  const restAt = at + GROUP_HEAD_BYTES;
  if (restAt > bytes.length) return null;
  const end = restAt + bytes.readUInt32BE(at);
  if (end > bytes.length || end < restAt + MIN_SEALED_BYTES) return null;
  return crc32(bytes.subarray(restAt, end)) === bytes.readUInt32BE(at + 4) ? end : null;
}

interface PlainPayload {
  readonly facts: PayloadFacts;
  readonly salt: Buffer;
  readonly body: Buffer;
}

function payloadsOf(group: Buffer, nth: number): PlainPayload[] {
  const payloads: PlainPayload[] = [];
  let at = 0;
  while (at < group.length) {
    const name = `payload ${payloads.length} of group ${nth}`;
    if (at + BODY_AT > group.length) throw malformed(`${name} is not whole`);
    const bodyAt = at + BODY_AT;
    const factsAt = bodyAt + group.readUInt32BE(at + BODY_LENGTH_AT);
    const end = factsAt + group.readUInt16BE(at);
    if (end > group.length || end - factsAt > MAX_FACTS_BYTES) throw malformed(`${name} is not whole`);
    const payload = {
      facts: readFacts(group.subarray(factsAt, end), name),
      salt: group.subarray(at + SALT_AT, bodyAt),
      body: group.subarray(bodyAt, factsAt),
    };
    if (payload.body.length !== payload.facts.kept_bytes) {
      throw malformed(`${name} is not as long as its facts say`);
    }
    if (digestOf(payload.salt, payload.body) !== payload.facts.digest) {
      throw malformed(`${name} is not the one that its digest names`);
    }
    payloads.push(payload);
    at = end;
  }
  return payloads;
}

function readFacts(bytes: Buffer, name: string): PayloadFacts {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw malformed(`the facts of ${name} are not JSON`);
  }
  const parsed = payloadFacts.safeParse(json);
  if (parsed.success) return parsed.data;
  const at = parsed.error.issues[0];
  throw malformed(`the facts of ${name}: ${at?.path.join('.')} ${at?.message}`);
}

function malformed(what: string): PayloadSealingError {
  return new PayloadSealingError('batch_malformed', `not a batch of payloads: ${what}`);
}
