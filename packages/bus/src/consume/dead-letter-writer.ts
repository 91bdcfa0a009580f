import { createHash } from 'node:crypto';
import { serializeEvent } from '@tollgate/events';
import type { KafkaMessage } from 'kafkajs';
import type { ConsumedMessage, Publisher } from '../bus.ts';

/** Of the original's bytes at most this many, so that the dead letter itself, base64, stays a readable event. */
const MAX_VALUE_BYTES = 44 * 1024;
const MAX_HEADERS = 16;
const MAX_HEADER_CHARACTERS = 128;
const MAX_KEY_CHARACTERS = 256;
const MAX_ERROR_CHARACTERS = 500;

export type Undelivered = {
  /** The topic's name in Kafka. */
  readonly name: string;
  readonly group: string;
  readonly message: ConsumedMessage;
  readonly headers: KafkaMessage['headers'];
  readonly error: string;
};

/** Puts messages aside that no reader can understand; resolves once the broker has them. */
export class DeadLetterWriter {
  private readonly publisher: Publisher;
  private readonly nowMs: () => number;
  private readonly onWritten: (letter: Undelivered) => void;
  /** A publisher takes one batch at a time; partitions are read side by side. */
  private last: Promise<void> = Promise.resolve();

  constructor(publisher: Publisher, nowMs: () => number, onWritten: (letter: Undelivered) => void) {
    this.publisher = publisher;
    this.nowMs = nowMs;
    this.onWritten = onWritten;
  }

  write(letter: Undelivered): Promise<void> {
    const value = deadLetterBytes(letter, this.nowMs());
    const turn = this.last.then(() =>
      this.publisher.publish([{ topic: 'dead-letter', key: letter.name, value }]),
    );
    this.last = turn.catch(() => {});
    return turn.then(() => this.onWritten(letter));
  }
}

/** The same message gives the same id, however often it is put aside. */
function deadLetterBytes(letter: Undelivered, nowMs: number): Buffer {
  const { message } = letter;
  const position = `${letter.name}/${message.partition}/${message.offset}`;
  return serializeEvent(
    {
      type: 'tollgate.dead-letter.v1',
      id: uuidOf(`tollgate/dead-letter/${letter.group}/${position}/${message.timestampMs}`),
      subject: position.slice(0, 256),
      time: new Date(nowMs).toISOString(),
      data: {
        topic: letter.name,
        partition: message.partition,
        offset: String(message.offset),
        group: letter.group,
        headers: headersOf(letter.headers),
        key: message.key === null ? null : message.key.slice(0, MAX_KEY_CHARACTERS),
        value: message.value.subarray(0, MAX_VALUE_BYTES).toString('base64'),
        value_bytes: message.value.length,
        code: 'malformed',
        error: letter.error.slice(0, MAX_ERROR_CHARACTERS),
      },
    },
    `/services/${sourceNameOf(letter.group)}/dead-letters`,
    null,
  );
}

function headersOf(headers: KafkaMessage['headers']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers ?? {})
      .slice(0, MAX_HEADERS)
      .map(([name, value]) => [
        name.slice(0, MAX_HEADER_CHARACTERS),
        String(Array.isArray(value) ? value[0] : value).slice(0, MAX_HEADER_CHARACTERS),
      ]),
  );
}

function sourceNameOf(group: string): string {
  return group.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(-64);
}

/** A UUID of version 8 (RFC 9562): the first bits of the text's SHA-256. */
function uuidOf(text: string): string {
  const bytes = createHash('sha256').update(text).digest().subarray(0, 16);
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  const hex = bytes.toString('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
