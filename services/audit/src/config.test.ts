import { ed25519Signer, formatSignerKey } from '@tollgate/transparency-log';
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
      logFolder: '/var/lib/tollgate/audit/archive/log',
      logOrigin: undefined,
      logKey: { file: '/var/lib/tollgate/audit/archive/log.key' },
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
    ['AUDIT_LOG_ORIGIN', 'https://log.example.com/audit'],
    ['AUDIT_LOG_KEY', 'PRIVATE+KEY+nonsense'],
    ['AUDIT_WITNESSES', 'nonsense'],
    ['AUDIT_OBJECT_STORE', 'bucket/prefix'],
    ['AUDIT_S3_ENDPOINT', 'localhost'],
    ['AUDIT_OBJECT_LOCK_DAYS', '-1'],
    ['AUDIT_WITNESS_TIMEOUT_MS', '0'],
    ['AUDIT_GAP_GRACE_MS', '-1'],
    ['AUDIT_SOURCE_LOST_AFTER_MS', '5'],
    ['KAFKA_BROKERS', 'nowhere'],
  ])('refuses a wrong %s with one line that names it', (name, value) => {
    expect(() => readAuditConfig({ ...good, [name]: value })).toThrow(new RegExp(`^${name}: [^\n]+$`));
  });

  it('takes the signing key itself, or the file that holds it, and not both', () => {
    const seed = Buffer.alloc(32, 3);
    const text = formatSignerKey(ed25519Signer('log.example.com/audit', seed).key, seed);
    expect(readAuditConfig({ ...good, AUDIT_LOG_KEY: text }).logKey).toEqual({ text });
    const file = '/run/secrets/log-key';
    expect(readAuditConfig({ ...good, AUDIT_LOG_KEY_FILE: file }).logKey).toEqual({ file });
    const wrong = { ...good, AUDIT_LOG_KEY: text, AUDIT_LOG_ORIGIN: 'log.example.com/other' };
    for (const env of [{ ...good, AUDIT_LOG_KEY: text, AUDIT_LOG_KEY_FILE: file }, wrong]) {
      expect(() => readAuditConfig(env)).toThrow(/^AUDIT_LOG_KEY/);
      expect(() => readAuditConfig(env)).not.toThrow(text.slice(-20));
    }
  });

  it('takes a bucket, and wants to know for how long it locks', () => {
    const bucket = { ...good, AUDIT_OBJECT_STORE: 's3://trail/eu/' };
    expect(() => readAuditConfig(bucket)).toThrow(/^AUDIT_OBJECT_LOCK_DAYS: /);
    expect(readAuditConfig({ ...bucket, AUDIT_OBJECT_LOCK_DAYS: '400' }).objectStore).toEqual({
      bucket: 'trail',
      prefix: 'eu/',
      endpoint: null,
      region: 'us-east-1',
      lockDays: 400,
    });
    expect(readAuditConfig(good).objectStore).toBeNull();
  });

  it('never quotes a secret', () => {
    const attempt = () => readAuditConfig({ ...good, DATABASE_URL: 'mysql://audit:hunter2@host/db' });
    expect(attempt).toThrow();
    expect(attempt).not.toThrow('hunter2');
  });
});
