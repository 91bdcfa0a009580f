import { crc32 } from 'node:zlib';
import {
  BATCH_INFO,
  ENCAPSULATED_AT,
  FACTS_LENGTH_BYTES,
  HEADER_BYTES,
  KEY_ID_AT,
  MAGIC,
  MAX_FACTS_BYTES,
  RECORD_HEAD_BYTES,
  SEALED_KEY_BYTES,
  VERSION,
} from './batch-format.ts';
import { PayloadSealingError } from './errors.ts';
import { type PayloadFacts, payloadFacts } from './facts.ts';
import { setupRecipient } from './hpke.ts';
import { PAYLOAD_OVERHEAD_BYTES } from './payload.ts';
import { KEY_ID_BYTES, type UnsealingKey } from './sealing-key.ts';

/** A payload of a batch: what is known of it, its key, and what only the key opens. */
export interface OpenedRecord {
  readonly facts: PayloadFacts;
  readonly key: Buffer;
  /** Shares the batch's memory. */
  readonly ciphertext: Buffer;
}

/**
 * Opens every key of a batch; the bodies stay encrypted.
 *
 * @param keyOf the vault's pair of that id
 * @throws PayloadSealingError `batch_malformed`, `key_unknown`, `seal_broken`
 */
export function openBatch(batch: Buffer, keyOf: (id: string) => UnsealingKey | undefined): OpenedRecord[] {
  if (!isBatchHeader(batch)) throw malformed('it does not begin with the header of a batch');
  const id = batch.subarray(KEY_ID_AT, KEY_ID_AT + KEY_ID_BYTES).toString('hex');
  const key = keyOf(id);
  if (key === undefined) {
    throw new PayloadSealingError('key_unknown', `a batch is sealed to the key ${id}, which is not here`);
  }
  const context = setupRecipient(batch.subarray(ENCAPSULATED_AT, HEADER_BYTES), key.pair, BATCH_INFO);
  const records: OpenedRecord[] = [];
  let at = HEADER_BYTES;
  while (at < batch.length) {
    const end = recordEnd(batch, at);
    if (end === null) throw malformed(`record ${records.length} is not whole`);
    const factsAt = at + RECORD_HEAD_BYTES + FACTS_LENGTH_BYTES;
    const factsEnd = factsAt + batch.readUInt16BE(at + RECORD_HEAD_BYTES);
    const bodyAt = factsEnd + SEALED_KEY_BYTES;
    if (factsEnd - factsAt > MAX_FACTS_BYTES || bodyAt + PAYLOAD_OVERHEAD_BYTES > end) {
      throw malformed(`record ${records.length} has no room for what it has to hold`);
    }
    const aad = batch.subarray(factsAt, factsEnd);
    const facts = readFacts(aad, records.length);
    const ciphertext = batch.subarray(bodyAt, end);
    if (ciphertext.length !== facts.kept_bytes + PAYLOAD_OVERHEAD_BYTES) {
      throw malformed(`record ${records.length} is not as long as its facts say`);
    }
    const payloadKey = context.open(records.length, aad, batch.subarray(factsEnd, bodyAt));
    records.push({ facts, key: payloadKey, ciphertext });
    at = end;
  }
  return records;
}

/** How many bytes of a file are a batch of whole records: a process that was killed may have written half a record. 0: no batch. */
export function wholeBytes(file: Buffer): number {
  if (!isBatchHeader(file)) return 0;
  let at = HEADER_BYTES;
  for (;;) {
    const end = recordEnd(file, at);
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

/** Past the record that begins there; null where there is none that is whole. */
function recordEnd(bytes: Buffer, at: number): number | null {
  const restAt = at + RECORD_HEAD_BYTES;
  if (restAt > bytes.length) return null;
  const end = restAt + bytes.readUInt32BE(at);
  if (end > bytes.length || end < restAt + FACTS_LENGTH_BYTES + SEALED_KEY_BYTES) return null;
  return crc32(bytes.subarray(restAt, end)) === bytes.readUInt32BE(at + 4) ? end : null;
}

function readFacts(bytes: Buffer, record: number): PayloadFacts {
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    throw malformed(`the facts of record ${record} are not JSON`);
  }
  const parsed = payloadFacts.safeParse(json);
  if (parsed.success) return parsed.data;
  const at = parsed.error.issues[0];
  throw malformed(`the facts of record ${record}: ${at?.path.join('.')} ${at?.message}`);
}

function malformed(what: string): PayloadSealingError {
  return new PayloadSealingError('batch_malformed', `not a batch of payloads: ${what}`);
}
