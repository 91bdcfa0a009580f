import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createLogger } from '@tollgate/telemetry';
import { afterAll, describe, expect, it } from 'vitest';
import { clientOptions } from './client.ts';
import { kafkaConfig } from './config.ts';

const folder = mkdtempSync(path.join(tmpdir(), 'tollgate-kafka-config-'));
afterAll(() => rmSync(folder, { recursive: true }));
function file(name: string, content: string): string {
  const full = path.join(folder, name);
  writeFileSync(full, content);
  return full;
}

const logger = createLogger({ service: 'test', level: 'silent' });
const BROKERS = { KAFKA_BROKERS: 'kafka-1:9092, kafka-2:9092' };

/** The variables that the first issue is about. */
function refused(env: Record<string, string>): string | undefined {
  const result = kafkaConfig.safeParse(env);
  return result.success ? undefined : String(result.error.issues[0]?.path[0]);
}

describe('the configuration of Kafka', () => {
  it('is plain text with a prefix of our own, unless told otherwise', () => {
    expect(kafkaConfig.parse(BROKERS)).toEqual({
      brokers: ['kafka-1:9092', 'kafka-2:9092'],
      topicPrefix: 'tollgate.',
    });
  });

  it.each([
    [{}, 'KAFKA_BROKERS'],
    [{ KAFKA_BROKERS: 'kafka' }, 'KAFKA_BROKERS'],
    [{ KAFKA_BROKERS: ' , ' }, 'KAFKA_BROKERS'],
    [{ ...BROKERS, KAFKA_SSL: 'yes' }, 'KAFKA_SSL'],
    [{ ...BROKERS, KAFKA_CA_FILE: '/nowhere/ca.pem' }, 'KAFKA_CA_FILE'],
    [{ ...BROKERS, TOLLGATE_TOPIC_PREFIX: 'a b' }, 'TOLLGATE_TOPIC_PREFIX'],
    [{ ...BROKERS, KAFKA_SASL_MECHANISM: 'gssapi' }, 'KAFKA_SASL_MECHANISM'],
    [{ ...BROKERS, KAFKA_SASL_USERNAME: 'u' }, 'KAFKA_SASL_MECHANISM'],
    [{ ...BROKERS, KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_PASSWORD: 'p' }, 'KAFKA_SASL_USERNAME'],
    [{ ...BROKERS, KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_USERNAME: 'u' }, 'KAFKA_SASL_PASSWORD'],
    [{ ...BROKERS, KAFKA_SASL_MECHANISM: 'oauthbearer' }, 'KAFKA_SASL_TOKEN_FILE'],
    [
      {
        ...BROKERS,
        KAFKA_SASL_MECHANISM: 'plain',
        KAFKA_SASL_USERNAME: 'u',
        KAFKA_SASL_PASSWORD: 'p',
        KAFKA_SASL_PASSWORD_FILE: 'f',
      },
      'KAFKA_SASL_PASSWORD_FILE',
    ],
  ])('refuses %j, naming %s', (env, variable) => {
    expect(refused(env)).toBe(variable);
  });

  it('tells the client to use TLS with the given authorities alone', () => {
    const config = kafkaConfig.parse({ ...BROKERS, KAFKA_CA_FILE: file('ca.pem', 'CERTIFICATES') });
    expect(clientOptions(config, 'test', logger).ssl).toEqual({ ca: ['CERTIFICATES'] });
    const system = kafkaConfig.parse({ ...BROKERS, KAFKA_SSL: 'true' });
    expect(clientOptions(system, 'test', logger).ssl).toBe(true);
    expect(clientOptions(kafkaConfig.parse(BROKERS), 'test', logger).ssl).toBeUndefined();
  });

  it.each(['plain', 'scram-sha-256', 'scram-sha-512'])(
    'takes the password of %s from a file',
    (mechanism) => {
      const config = kafkaConfig.parse({
        ...BROKERS,
        KAFKA_SASL_MECHANISM: mechanism,
        KAFKA_SASL_USERNAME: 'tollgate',
        KAFKA_SASL_PASSWORD_FILE: file('password', 'se cret\n'),
      });
      expect(clientOptions(config, 'test', logger).sasl).toEqual({
        mechanism,
        username: 'tollgate',
        password: 'se cret',
      });
    },
  );

  it('reads a bearer token anew at each connection', async () => {
    const token = file('token', 'first\n');
    const config = kafkaConfig.parse({
      ...BROKERS,
      KAFKA_SASL_MECHANISM: 'oauthbearer',
      KAFKA_SASL_TOKEN_FILE: token,
    });
    const { sasl } = clientOptions(config, 'test', logger);
    if (sasl === undefined || !('oauthBearerProvider' in sasl)) throw new Error('not oauthbearer');
    expect(await sasl.oauthBearerProvider()).toEqual({ value: 'first' });
    file('token', 'second');
    expect(await sasl.oauthBearerProvider()).toEqual({ value: 'second' });
    rmSync(token);
    await expect(sasl.oauthBearerProvider()).rejects.toThrow(/KAFKA_SASL_TOKEN_FILE/);
  });
});
