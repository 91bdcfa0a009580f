import { crc32 } from 'node:zlib';
import {
  BATCH_INFO,
  ENCAPSULATED_AT,
  FACTS_LENGTH_BYTES,
  HEADER_BYTES,
  KEY_ID_AT,
  MAGIC,
  RECORD_HEAD_BYTES,
  SEALED_KEY_BYTES,
  VERSION,
} from './batch-format.ts';
import type { PayloadFacts } from './facts.ts';
import { type SealingContext, setupSender } from './hpke.ts';
import { type EncryptedPayload, encryptPayload, type RandomBytes } from './payload.ts';
import type { SealingKey } from './sealing-key.ts';

export interface SealedRecord {
  /** What the batch grows by, in pieces to be written one after the other. */
  readonly parts: readonly Buffer[];
  readonly bytes: number;
  readonly digest: string;
}

/** Seals payloads one after the other. What it gives must be written in that order and whole, behind {@link header}. */
export class BatchSealer {
  readonly header: Buffer;
  readonly #context: SealingContext;
  readonly #random: RandomBytes | undefined;

  constructor(key: SealingKey, random?: RandomBytes) {
    this.#context = setupSender(key.publicKey, BATCH_INFO);
    this.#random = random;
    this.header = Buffer.alloc(HEADER_BYTES);
    MAGIC.copy(this.header);
    this.header[MAGIC.length] = VERSION;
    this.header.write(key.id, KEY_ID_AT, 'hex');
    this.#context.encapsulated.copy(this.header, ENCAPSULATED_AT);
  }

  /** @param body what is kept; its size and digest are added to the facts */
  seal(facts: Omit<PayloadFacts, 'kept_bytes' | 'digest'>, body: Uint8Array): SealedRecord {
    const { request_id, direction } = facts;
    const encrypted = encryptPayload({ requestId: request_id, direction }, body, this.#random);
    const all: PayloadFacts = { ...facts, kept_bytes: body.length, digest: encrypted.digest };
    const { parts, bytes } = this.#record(Buffer.from(JSON.stringify(all)), encrypted);
    return { parts, bytes, digest: encrypted.digest };
  }

  #record(facts: Buffer, { key, ciphertext }: EncryptedPayload): { parts: Buffer[]; bytes: number } {
    const head = Buffer.allocUnsafe(RECORD_HEAD_BYTES + FACTS_LENGTH_BYTES + facts.length + SEALED_KEY_BYTES);
    const bytes = head.length + ciphertext.length;
    head.writeUInt32BE(bytes - RECORD_HEAD_BYTES, 0);
    head.writeUInt16BE(facts.length, RECORD_HEAD_BYTES);
    facts.copy(head, RECORD_HEAD_BYTES + FACTS_LENGTH_BYTES);
    this.#context.seal(facts, key).copy(head, RECORD_HEAD_BYTES + FACTS_LENGTH_BYTES + facts.length);
    head.writeUInt32BE(crc32(ciphertext, crc32(head.subarray(RECORD_HEAD_BYTES))), 4);
    return { parts: [head, ciphertext], bytes };
  }
}
