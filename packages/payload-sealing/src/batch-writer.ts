import { randomFillSync } from 'node:crypto';
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
  SALT_AT,
  VERSION,
} from './batch-format.ts';
import type { PayloadFacts } from './facts.ts';
import { type SealingContext, setupSender } from './hpke.ts';
import { digestOf, SALT_BYTES } from './payload.ts';
import type { SealingKey } from './sealing-key.ts';

const FIRST_BYTES = 64 * 1024;
/** A buffer that grew beyond this is not kept for the next group. */
const MAX_KEPT_BYTES = 1 << 20;
/** Salts drawn from the system at once. */
const SALTS = 128;

const NOTHING = Buffer.alloc(0);

export interface SealedGroup {
  /** What the batch grows by, in pieces to be written one after the other. */
  readonly parts: readonly Buffer[];
  readonly bytes: number;
}

/**
 * Gathers payloads in memory and seals as many as there are at once, which costs hardly more than sealing one. What it
 * gives must be written in that order and whole, behind {@link header}.
 */
export class BatchSealer {
  readonly header: Buffer;
  readonly #context: SealingContext;
  readonly #salts = Buffer.allocUnsafeSlow(SALTS * SALT_BYTES);
  #nextSalt = SALTS;
  #group: Buffer = NOTHING;
  #length = 0;

  constructor(key: SealingKey) {
    this.#context = setupSender(key.publicKey, BATCH_INFO);
    this.header = Buffer.alloc(HEADER_BYTES);
    MAGIC.copy(this.header);
    this.header[MAGIC.length] = VERSION;
    this.header.write(key.id, KEY_ID_AT, 'hex');
    this.#context.encapsulated.copy(this.header, ENCAPSULATED_AT);
  }

  /** Of the payloads that are gathered and not sealed. */
  get gatheredBytes(): number {
    return this.#length;
  }

  /**
   * Gathers a payload; its bytes are copied.
   *
   * @param body what is kept; its size and digest are added to the facts
   * @returns the digest: HMAC-SHA-256 of the body under a random salt; 64 hex digits
   */
  add(facts: Omit<PayloadFacts, 'kept_bytes' | 'digest'>, body: Uint8Array): string {
    const salt = this.#salt();
    const digest = digestOf(salt, body);
    const all: PayloadFacts = { ...facts, kept_bytes: body.length, digest };
    const at = this.#length;
    this.#reserve(BODY_AT + body.length + MAX_FACTS_BYTES);
    const group = this.#group;
    const factsAt = at + BODY_AT + body.length;
    const factsBytes = group.write(JSON.stringify(all), factsAt, MAX_FACTS_BYTES);
    group.writeUInt16BE(factsBytes, at);
    group.writeUInt32BE(body.length, at + BODY_LENGTH_AT);
    group.set(salt, at + SALT_AT);
    group.set(body, at + BODY_AT);
    this.#length = factsAt + factsBytes;
    return digest;
  }

  /** Seals what was gathered; null where nothing was. */
  seal(): SealedGroup | null {
    if (this.#length === 0) return null;
    const [sealed, tag] = this.#context.seal(NOTHING, this.#group.subarray(0, this.#length));
    this.#length = 0;
    if (this.#group.length > MAX_KEPT_BYTES) this.#group = NOTHING;
    const head = Buffer.allocUnsafe(GROUP_HEAD_BYTES);
    head.writeUInt32BE(sealed.length + tag.length, 0);
    head.writeUInt32BE(crc32(tag, crc32(sealed)), 4);
    return { parts: [head, sealed, tag], bytes: head.length + sealed.length + tag.length };
  }

  #reserve(bytes: number): void {
    const needed = this.#length + bytes;
    if (needed <= this.#group.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#group.length * 2, FIRST_BYTES));
    this.#group.copy(larger, 0, 0, this.#length);
    this.#group = larger;
  }

  #salt(): Buffer {
    if (this.#nextSalt === SALTS) {
      randomFillSync(this.#salts);
      this.#nextSalt = 0;
    }
    const at = this.#nextSalt * SALT_BYTES;
    this.#nextSalt += 1;
    return this.#salts.subarray(at, at + SALT_BYTES);
  }
}
