import { createRequire } from 'node:module';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeHeaders, encodeRecordBatch, type OutgoingRecord } from './record-batch.ts';

type Decoded = {
  readonly producerId: unknown;
  readonly producerEpoch: number;
  readonly records: readonly {
    readonly key: Buffer | null;
    readonly value: Buffer;
    readonly headers: Record<string, Buffer>;
    readonly timestamp: string;
    readonly offset: string;
  }[];
};

/** What consumers read batches with; it checks the checksum too. */
const require = createRequire(import.meta.url);
const Decoder = require('kafkajs/src/protocol/decoder.js') as new (bytes: Buffer) => object;
const decodeBatch = require('kafkajs/src/protocol/recordBatch/v0/decoder.js') as (
  decoder: object,
) => Promise<Decoded>;
const kafkajsBatch = require('kafkajs/src/protocol/recordBatch/v0/index.js') as {
  RecordBatch(options: object): Promise<{ buffer: Buffer }>;
};
const kafkajsRecord = require('kafkajs/src/protocol/recordBatch/record/v0/index.js') as (
  record: object,
) => object;

const TIMESTAMP_MS = 1_767_225_600_123;
const HEADERS = { 'content-type': 'application/json', ключ: 'значение' };

const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((array) => Buffer.from(array));
const record: fc.Arbitrary<OutgoingRecord> = fc.record({
  key: fc.option(bytes(200)),
  value: fc.oneof({ weight: 9, arbitrary: bytes(300) }, { weight: 1, arbitrary: bytes(20_000) }),
});

describe('a record batch', () => {
  it('reads back as it was written, whatever the sizes', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 150 }), async (records) => {
        const batch = encodeRecordBatch(records, encodeHeaders(HEADERS), TIMESTAMP_MS);
        const decoded = await decodeBatch(new Decoder(batch));
        expect(decoded.records).toHaveLength(records.length);
        for (const [index, { key, value }] of records.entries()) {
          const read = decoded.records[index];
          expect(read?.value.equals(value)).toBe(true);
          expect(
            read?.key === null || read?.key === undefined ? null : read.key.equals(key ?? Buffer.alloc(0)),
          ).toBe(key === null ? null : true);
          expect(read?.offset).toBe(String(index));
          expect(read?.timestamp).toBe(String(TIMESTAMP_MS));
          expect(String(read?.headers['content-type'])).toBe('application/json');
          expect(String(read?.headers['ключ'])).toBe('значение');
        }
      }),
      { numRuns: 60 },
    );
  });

  it('has the very bytes that kafkajs writes, but for the mark of a producer without identity', async () => {
    const records = Array.from({ length: 70 }, (_, index) => ({
      key: Buffer.from(`key ${index}`),
      value: Buffer.alloc(index * 3, index),
    }));
    const ours = encodeRecordBatch(records, encodeHeaders(HEADERS), TIMESTAMP_MS, {
      id: -1n,
      epoch: 0,
      firstSequence: 0,
    });
    const theirs = await kafkajsBatch.RecordBatch({
      firstTimestamp: TIMESTAMP_MS,
      maxTimestamp: TIMESTAMP_MS,
      lastOffsetDelta: records.length - 1,
      records: records.map((one, index) =>
        kafkajsRecord({ ...one, headers: HEADERS, offsetDelta: index, timestampDelta: 0 }),
      ),
    });
    expect(ours.equals(theirs.buffer)).toBe(true);
  });
});
