import { encodeRecordBatch, type OutgoingRecord } from './record-batch.ts';

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
 */
export function encodeProduceBody(request: {
  readonly topic: string;
  readonly partition: number;
  readonly packed: PackedRecords;
  /** −1: all in-sync replicas. */
  readonly acks: number;
  readonly timeoutMs: number;
}): Buffer {
  const { records, headers, timestampMs } = request.packed;
  const batch = encodeRecordBatch(records, headers, timestampMs);
  const topic = Buffer.from(request.topic);
  const head = Buffer.allocUnsafe(2 + 2 + 4 + 4 + 2 + topic.length + 4 + 4 + 4);
  let at = head.writeInt16BE(-1, 0);
  at = head.writeInt16BE(request.acks, at);
  at = head.writeInt32BE(request.timeoutMs, at);
  at = head.writeInt32BE(1, at);
  at = head.writeInt16BE(topic.length, at);
  at += topic.copy(head, at);
  at = head.writeInt32BE(1, at);
  at = head.writeInt32BE(request.partition, at);
  head.writeInt32BE(batch.length, at);
  return Buffer.concat([head, batch]);
}
