import { createRequire } from 'node:module';
import { encodeProduceBody, PackedRecords } from '../publish/produce-request.ts';

/** The one release whose inside is known; it is the last one (2023), and package.json pins it. */
const KNOWN_VERSION = '2.2.4';
/** Produce requests carry record batches of format 2 from version 3 on, in the same form up to 8. */
const FIRST_PRODUCE_VERSION_WITH_BATCHES = 3;
const PENDING_CHECK_INTERVAL_MS = 10;

const require = createRequire(import.meta.url);

export type KafkajsAdaptation = {
  /** Whether a produce request may carry `PackedRecords` in place of messages. */
  readonly packedRecords: boolean;
};

let adaptation: KafkajsAdaptation | undefined;

/**
 * Adapts kafkajs once per process: lets produce requests take records that we encode, and mends the timer of its
 * request queue. Any other release than the known one is left as it is, and everything works, only slower.
 */
export function adaptKafkajs(): KafkajsAdaptation {
  if (adaptation === undefined) {
    const version: unknown = Reflect.get(require('kafkajs/package.json'), 'version');
    const known = version === KNOWN_VERSION;
    if (known) mendRequestQueueTimer();
    adaptation = { packedRecords: known && acceptPackedRecords() };
  }
  return adaptation;
}

/**
 * kafkajs' queue asks for a timer even when nothing waits, at a time that lies in the past: Node warns of the
 * negative delay (kafkajs #1751), and the timer, renewing itself, fires every millisecond on every connection.
 */
function mendRequestQueueTimer(): void {
  type Queue = {
    pending: unknown[];
    throttledUntil: number;
    throttleCheckTimeoutId: NodeJS.Timeout | null;
    checkPendingRequests(): void;
  };
  const { prototype } = require('kafkajs/src/network/requestQueue/index.js') as {
    prototype: { scheduleCheckPendingRequests: (this: Queue) => void };
  };
  prototype.scheduleCheckPendingRequests = function scheduleCheckPendingRequests() {
    if (this.throttleCheckTimeoutId !== null || this.pending.length === 0) return;
    const throttledForMs = this.throttledUntil - Date.now();
    this.throttleCheckTimeoutId = setTimeout(
      () => {
        this.throttleCheckTimeoutId = null;
        this.checkPendingRequests();
      },
      throttledForMs > 0 ? throttledForMs : PENDING_CHECK_INTERVAL_MS,
    );
  };
}

type ProduceOptions = {
  readonly acks: number;
  readonly timeout: number;
  readonly topicData: readonly {
    readonly topic: string;
    readonly partitions: readonly {
      readonly partition: number;
      readonly messages: readonly { readonly value: unknown }[];
    }[];
  }[];
};

/** Room for a request's header before its body: size, key, version, correlation id, and the client's id. */
const ROOM_BYTES = 512;
const ROOM = Symbol('room before an encoder');

/** kafkajs' growing buffer. */
type Encoder = {
  buf: Buffer;
  offset: number;
  writeEncoder(value: Encoder): Encoder;
  /** Ours: the memory that `buf` is the end of, and how many bytes in front of it are free. */
  [ROOM]?: { readonly whole: Buffer; readonly bytes: number };
};

/**
 * kafkajs copies a request's body twice, into zero-filled buffers of up to twice its size, to put a header before it.
 * A body that has room in front is written into instead. Of 64 MB so allocated V8 makes a full collection.
 */
function writeHeadersIntoRoom(prototype: Encoder): void {
  const append = prototype.writeEncoder;
  prototype.writeEncoder = function writeEncoder(this: Encoder, value: Encoder): Encoder {
    const room = value[ROOM];
    if (room === undefined || this.offset > room.bytes) return append.call(this, value);
    const start = room.bytes - this.offset;
    this.buf.copy(room.whole, start, 0, this.offset);
    this.buf = room.whole.subarray(start);
    this.offset = this.buf.length;
    this[ROOM] = { whole: room.whole, bytes: start };
    return this;
  };
}

/** Where the only message of a request's only partition is `PackedRecords`, its body is written by us. */
function acceptPackedRecords(): boolean {
  type Protocol = { request: { encode: () => Promise<unknown> } };
  type Versions = (lookup: { version: number }) => (options: ProduceOptions) => Protocol;
  const produce = require('kafkajs/src/protocol/requests/produce/index.js') as { protocol?: Versions };
  const Encoder = require('kafkajs/src/protocol/encoder.js') as {
    new (size: number): Encoder;
    readonly prototype: Encoder;
  };
  const original = produce.protocol;
  if (typeof original !== 'function') return false;
  writeHeadersIntoRoom(Encoder.prototype);

  produce.protocol = (lookup) => (options) => {
    const protocol = original(lookup)(options);
    const packed = packedRecordsOf(options);
    if (packed === null) return protocol;
    if (lookup.version < FIRST_PRODUCE_VERSION_WITH_BATCHES) {
      throw new Error('the broker is older than Kafka 0.11: Tollgate needs 2.1 or newer');
    }
    const encode = async () => {
      const request = { ...packed, acks: options.acks, timeoutMs: options.timeout };
      const whole = encodeProduceBody(request, ROOM_BYTES);
      const encoder = new Encoder(1);
      encoder.buf = whole.subarray(ROOM_BYTES);
      encoder.offset = encoder.buf.length;
      encoder[ROOM] = { whole, bytes: ROOM_BYTES };
      return encoder;
    };
    return { ...protocol, request: { ...protocol.request, encode } };
  };
  return true;
}

function packedRecordsOf(
  options: ProduceOptions,
): { topic: string; partition: number; packed: PackedRecords } | null {
  const topic = options.topicData[0];
  const partition = topic?.partitions[0];
  const value = partition?.messages[0]?.value;
  if (topic === undefined || partition === undefined || !(value instanceof PackedRecords)) return null;
  if (options.topicData.length !== 1 || topic.partitions.length !== 1 || partition.messages.length !== 1) {
    throw new Error('packed records travel alone in their request');
  }
  return { topic: topic.topic, partition: partition.partition, packed: value };
}
