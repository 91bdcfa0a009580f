import { describe, expect, it } from 'vitest';
import { readAuditConfig } from './config.ts';

const good = {
  DATABASE_URL: 'postgres://audit:secret@127.0.0.1:5432/tollgate',
  AUDIT_ARCHIVE_FOLDER: '/var/lib/tollgate/audit/archive',
  KAFKA_BROKERS: '127.0.0.1:9092',
};

describe('the configuration', () => {
  it('needs a database, a folder and brokers, and knows the rest', () => {
    expect(readAuditConfig(good)).toMatchObject({
      listen: { host: '0.0.0.0', port: 41011 },
      segmentBytes: 67_108_864,
      gapGraceMs: 30_000,
      sourceLostAfterMs: 30_000,
      bus: { kind: 'kafka', kafka: { brokers: ['127.0.0.1:9092'], topicPrefix: 'tollgate.' } },
    });
  });

  it.each([
    ['DATABASE_URL', 'mysql://x'],
    ['LISTEN', 'everywhere'],
    ['LOG_LEVEL', 'loud'],
    ['AUDIT_ARCHIVE_FOLDER', ''],
    ['AUDIT_SEGMENT_BYTES', '12'],
    ['AUDIT_GAP_GRACE_MS', '-1'],
    ['AUDIT_SOURCE_LOST_AFTER_MS', '5'],
    ['KAFKA_BROKERS', 'nowhere'],
  ])('refuses a wrong %s with one line that names it', (name, value) => {
    expect(() => readAuditConfig({ ...good, [name]: value })).toThrow(new RegExp(`^${name}: [^\n]+$`));
  });

  it('never quotes a secret', () => {
    const attempt = () => readAuditConfig({ ...good, DATABASE_URL: 'mysql://audit:hunter2@host/db' });
    expect(attempt).toThrow();
    expect(attempt).not.toThrow('hunter2');
  });
});
