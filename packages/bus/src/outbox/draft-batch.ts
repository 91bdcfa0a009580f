import { type EventDraft, KINDS, MAX_EVENT_BYTES } from '@tollgate/events';
import { BusError } from '../errors.ts';
import { ENVELOPE_BYTES } from './draft-text.ts';

/** The plain bytes of a pack: keys and drafts in turn, each behind its length in bytes (32 bits, big-endian). */
export type PlainPack = { readonly bytes: Buffer; readonly events: number };

/** Bounds of a pack, so that a relay, which takes whole packs, takes little more than it wants at a time. */
const MAX_PACK_EVENTS = 1_000;
export const MAX_PACK_BYTES = 4 * 1024 * 1024;
const FIRST_BYTES = 256 * 1024;
/** Buffers kept for batches to come, so that they are not made, and grown, anew for each. */
const MAX_SPARE = 4;
const LENGTH_BYTES = 4;
const MAX_UTF8_BYTES_PER_UNIT = 3;
const MAX_SHORT_TEXT = 48;
const MAX_ASCII = 127;

const spare: Buffer[] = [];

/**
 * Drafts of one type, written one after the other into one buffer: for whoever makes so many alike that an object, or
 * even a text, of each would cost more than all the rest.
 */
export class DraftBatch {
  readonly #type: EventDraft['type'];
  readonly #opening: Buffer;
  readonly #full: PlainPack[] = [];
  #buffer = spare.pop() ?? Buffer.allocUnsafe(FIRST_BYTES);
  #at = 0;
  #draftAt = 0;
  #events = 0;

  /** @throws BusError `not-numbered` */
  constructor(type: EventDraft['type']) {
    if (!KINDS[type].numbered) {
      throw new BusError('not-numbered', `${type} is not numbered by its source: publish it instead`);
    }
    this.#type = type;
    this.#opening = Buffer.from(`{"type":"${type}","id":"`);
  }

  /** Begins a draft, up to its data, which is to be written next, as JSON. */
  begin(key: string, head: Pick<EventDraft, 'id' | 'subject' | 'time'>): void {
    if (this.#events === MAX_PACK_EVENTS || this.#at > MAX_PACK_BYTES - MAX_EVENT_BYTES) this.#finishPack();
    const keyAt = this.#at + LENGTH_BYTES;
    this.#at = keyAt;
    this.text(key);
    this.#buffer.writeUInt32BE(this.#at - keyAt, keyAt - LENGTH_BYTES);
    this.#at += LENGTH_BYTES;
    this.#draftAt = this.#at;
    this.bytes(this.#opening);
    this.text(head.id);
    this.text('","subject":');
    this.text(JSON.stringify(head.subject));
    this.text(',"time":"');
    this.text(head.time);
    this.text('","data":');
  }

  /** Writes a part of the data. */
  text(text: string): void {
    const { length } = text;
    this.#reserve(length * MAX_UTF8_BYTES_PER_UNIT);
    const buffer = this.#buffer;
    const at = this.#at;
    if (length <= MAX_SHORT_TEXT) {
      // Cheaper than a call out of JavaScript.
      let index = 0;
      for (; index < length; index += 1) {
        const code = text.charCodeAt(index);
        if (code > MAX_ASCII) break;
        buffer[at + index] = code;
      }
      if (index === length) {
        this.#at = at + length;
        return;
      }
    }
    this.#at = at + buffer.write(text, at, 'utf8');
  }

  /** Writes a part of the data that is bytes already. */
  bytes(bytes: Buffer): void {
    this.#reserve(bytes.length);
    this.#at += bytes.copy(this.#buffer, this.#at);
  }

  /** @throws BusError `event-too-large` */
  end(): void {
    this.text('}');
    const bytes = this.#at - this.#draftAt;
    if (bytes + ENVELOPE_BYTES > MAX_EVENT_BYTES) {
      throw new BusError(
        'event-too-large',
        `${this.#type} takes ${bytes + ENVELOPE_BYTES} bytes; consumers accept ${MAX_EVENT_BYTES}`,
      );
    }
    this.#buffer.writeUInt32BE(bytes, this.#draftAt - LENGTH_BYTES);
    this.#events += 1;
  }

  /** All drafts, in order, until they are released; the batch is used up. */
  finish(): readonly PlainPack[] {
    this.#finishPack();
    giveBack(this.#buffer);
    return this.#full;
  }

  /** Lets go of the packs' bytes, which other batches then write over. */
  release(): void {
    for (const { bytes } of this.#full.splice(0)) giveBack(Buffer.from(bytes.buffer));
  }

  #finishPack(): void {
    if (this.#events === 0) return;
    this.#full.push({ bytes: this.#buffer.subarray(0, this.#at), events: this.#events });
    this.#buffer = spare.pop() ?? Buffer.allocUnsafe(FIRST_BYTES);
    this.#at = 0;
    this.#events = 0;
  }

  /** Room for so many bytes, and for the lengths that are written between texts. */
  #reserve(bytes: number): void {
    const needed = this.#at + bytes + 2 * LENGTH_BYTES;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafe(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#at);
    this.#buffer = larger;
  }
}

function giveBack(buffer: Buffer): void {
  if (spare.length < MAX_SPARE) spare.push(buffer);
}
