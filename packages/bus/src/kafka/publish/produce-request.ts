import { encodeRecordBatch, NO_PRODUCER, type OutgoingRecord } from './record-batch.ts';

/** The records of one partition, handed through kafkajs as if they were one message. */
export class PackedRecords {
  readonly records: readonly OutgoingRecord[];
  readonly headers: Buffer;
  readonly timestampMs: number;

  constructor(records: readonly OutgoingRecord[], headers: Buffer, timestampMs: number) {
    this.records = records;
    this.headers = headers;
    this.timestampMs = timestampMs;
  }
}

/**
 * The body of a produce request, versions 3 to 8, for one partition: transactional id (none), acks, time-out, one
 * topic, one partition, its record batch.
 *
 * @returns one buffer, whose first `roomBytes` are free for what goes before the body on the wire
 */
export function encodeProduceBody(
  request: {
    readonly topic: string;
    readonly partition: number;
    readonly packed: PackedRecords;
    /** −1: all in-sync replicas. */
    readonly acks: number;
    readonly timeoutMs: number;
  },
  roomBytes: number,
): Buffer {
  const { records, headers, timestampMs } = request.packed;
  const topic = Buffer.from(request.topic);
  const batchAt = roomBytes + 2 + 2 + 4 + 4 + 2 + topic.length + 4 + 4 + 4;
  const whole = encodeRecordBatch(records, headers, timestampMs, NO_PRODUCER, batchAt);
  let at = whole.writeInt16BE(-1, roomBytes);
  at = whole.writeInt16BE(request.acks, at);
  at = whole.writeInt32BE(request.timeoutMs, at);
  at = whole.writeInt32BE(1, at);
  at = whole.writeInt16BE(topic.length, at);
  at += topic.copy(whole, at);
  at = whole.writeInt32BE(1, at);
  at = whole.writeInt32BE(request.partition, at);
  whole.writeInt32BE(whole.length - batchAt, at);
  return whole;
}
