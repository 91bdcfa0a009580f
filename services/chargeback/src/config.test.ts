import { describe, expect, it } from 'vitest';
import { readChargebackConfig } from './config.ts';

const ENV = { DATABASE_URL: 'postgres://chargeback:x@localhost/tollgate', KAFKA_BROKERS: 'localhost:9092' };

describe('readChargebackConfig', () => {
  it('needs a database and brokers, and knows the rest', () => {
    expect(readChargebackConfig(ENV)).toMatchObject({
      listen: { host: '0.0.0.0', port: 41012 },
      logLevel: 'info',
      timeZoneGraceMs: 5000,
      maxBatch: 2000,
      bus: { kind: 'kafka', kafka: { brokers: ['localhost:9092'], topicPrefix: 'tollgate.' } },
    });
  });

  it.each([
    ['DATABASE_URL', 'mysql://x'],
    ['DATABASE_URL', ''],
    ['LISTEN', '41012'],
    ['LOG_LEVEL', 'loud'],
    ['CHARGEBACK_BATCH_EVENTS', '0'],
    ['CHARGEBACK_TIME_ZONE_GRACE_MS', '1 s'],
    ['KAFKA_BROKERS', 'nowhere'],
  ])('stops at a wrong %s with one line that names it', (variable, value) => {
    expect(() => readChargebackConfig({ ...ENV, [variable]: value })).toThrow(
      new RegExp(`^${variable}: [^\n]+$`),
    );
  });
});
