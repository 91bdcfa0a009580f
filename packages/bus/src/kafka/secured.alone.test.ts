import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { openPool, type Pool } from '@tollgate/database';
import { parseEvent } from '@tollgate/events';
import { runProgram } from '@tollgate/local-java';
import { createLogger } from '@tollgate/telemetry';
import { createTestDatabase, type TestDatabase, temporaryFolder, until } from '@tollgate/testing';
import kafkajs from 'kafkajs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Bus } from '../bus.ts';
import { assertEffects, effectsOf, IN_TIME } from '../contract/effects.ts';
import { sampleEvents } from '../contract/events.ts';
import { contractMigrations } from '../contract/index.ts';
import { type LocalKafka, startLocalKafka } from '../local-kafka/index.ts';
import { busMigrations } from '../migrations.ts';
import { createKafkaBus } from './bus.ts';
import { withAdmin } from './connection/admin.ts';
import { type KafkaConfig, kafkaConfig } from './connection/config.ts';
import { accessList } from './topics/access-list.ts';
import { initTopics } from './topics/topics.ts';

const TIMEOUT_MS = 120_000;
const ROLE = 'bus_contract';
const PASSWORDS = { admin: 'admin-secret', gateway: 'gateway-secret', audit: 'audit-secret' };
const logger = createLogger({ service: 'secured', level: 'silent' });

const { AclResourceTypes, ResourcePatternTypes, AclOperationTypes, AclPermissionTypes } = kafkajs;

/** `alg: none`: what Kafka's validator for development takes. */
function bearerToken(subject: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const now = Math.floor(Date.now() / 1_000);
  return `${part({ alg: 'none' })}.${part({ sub: subject, iat: now, exp: now + 3_600 })}.`;
}

describe('a broker that wants TLS, a name and rights', () => {
  const folder = temporaryFolder('secured');
  let kafka: LocalKafka;
  let database: TestDatabase;
  let pool: Pool;
  let ca: string;
  const buses: Bus[] = [];

  function config(user: keyof typeof PASSWORDS, more: Record<string, string>): KafkaConfig {
    return kafkaConfig.parse({
      KAFKA_BROKERS: kafka.brokers.join(','),
      KAFKA_CA_FILE: ca,
      KAFKA_SASL_USERNAME: user,
      KAFKA_SASL_PASSWORD: PASSWORDS[user],
      ...more,
    });
  }
  const adminConfig = () => config('admin', { KAFKA_SASL_MECHANISM: 'plain' });
  function busOf(to: KafkaConfig): Bus {
    const bus = createKafkaBus(to, { logger });
    buses.push(bus);
    return bus;
  }

  beforeAll(async () => {
    const keystore = path.join(folder, 'broker.p12');
    ca = path.join(folder, 'ca.pem');
    const keytool = (...args: string[]) =>
      runProgram('keytool', [...args, '-keystore', keystore, '-storepass', 'changeit', '-alias', 'broker'], {
        timeoutMs: 60_000,
      });
    await keytool(
      ...['-genkeypair', '-keyalg', 'EC', '-storetype', 'PKCS12', '-validity', '2'],
      ...['-dname', 'CN=broker', '-ext', 'san=ip:127.0.0.1', '-ext', 'bc=ca:true'],
    );
    await keytool('-exportcert', '-rfc', '-file', ca);

    const users = Object.entries(PASSWORDS).map(([user, password]) => `user_${user}="${password}"`);
    const module = 'org.apache.kafka.common.security';
    kafka = await startLocalKafka({
      folder,
      formatArguments: [
        '--add-scram',
        `SCRAM-SHA-512=[name=audit,password=${PASSWORDS.audit}]`,
        '--add-scram',
        `SCRAM-SHA-256=[name=audit,password=${PASSWORDS.audit}]`,
      ],
      settings: (node) => ({
        listeners: `SASL_SSL://127.0.0.1:${node.brokerPort},CONTROLLER://127.0.0.1:${node.controllerPort}`,
        'advertised.listeners': `SASL_SSL://127.0.0.1:${node.brokerPort}`,
        'listener.security.protocol.map': 'SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT',
        'inter.broker.listener.name': 'SASL_SSL',
        'sasl.mechanism.inter.broker.protocol': 'PLAIN',
        'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER',
        'listener.name.sasl_ssl.plain.sasl.jaas.config': `${module}.plain.PlainLoginModule required username="admin" password="${PASSWORDS.admin}" ${users.join(' ')};`,
        'listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config': `${module}.scram.ScramLoginModule required;`,
        'listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config': `${module}.scram.ScramLoginModule required;`,
        'listener.name.sasl_ssl.oauthbearer.sasl.jaas.config': `${module}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="admin";`,
        'ssl.keystore.type': 'PKCS12',
        'ssl.keystore.location': keystore,
        'ssl.keystore.password': 'changeit',
        'ssl.key.password': 'changeit',
        'ssl.truststore.type': 'PEM',
        'ssl.truststore.location': ca,
        'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
        'super.users': 'User:admin;User:ANONYMOUS',
      }),
    });
    await initTopics(adminConfig(), { partitions: 2, logger });
    await grant();
    database = await createTestDatabase({
      services: [{ schema: ROLE, role: ROLE, sets: [busMigrations, contractMigrations] }],
    });
    pool = openPool({ url: database.urlFor(ROLE), applicationName: 'secured' });
  });
  afterAll(async () => {
    await Promise.all(buses.map((bus) => bus.close()));
    await pool?.end();
    await database?.close();
    await kafka?.stop();
  });

  /** What `tollgate topics init` prints, and nothing else. */
  async function grant(): Promise<void> {
    const acl = accessList(adminConfig())
      .filter(({ service }) => service in PASSWORDS)
      .flatMap(({ service, rules }) =>
        rules.flatMap((rule) =>
          rule.operations.map((operation) => ({
            resourceType: rule.resource === 'topic' ? AclResourceTypes.TOPIC : AclResourceTypes.GROUP,
            resourceName: rule.name,
            resourcePatternType:
              rule.pattern === 'literal' ? ResourcePatternTypes.LITERAL : ResourcePatternTypes.PREFIXED,
            principal: `User:${service}`,
            host: '*',
            operation: AclOperationTypes[operation.toUpperCase() as 'READ' | 'WRITE' | 'DESCRIBE'],
            permissionType: AclPermissionTypes.ALLOW,
          })),
        ),
      );
    await withAdmin({ config: adminConfig(), clientId: 'test', logger }, (admin) =>
      admin.createAcls({ acl }),
    );
  }

  it(
    'gives the gateway and the audit service all they need by the access that we list, by every mechanism',
    async () => {
      const gateway = busOf(config('gateway', { KAFKA_SASL_MECHANISM: 'plain' }));
      const publisher = await gateway.createPublisher();
      const tokenFile = path.join(folder, 'token');
      writeFileSync(tokenFile, bearerToken('audit'));
      const all: string[] = [];
      for (const more of [
        { KAFKA_SASL_MECHANISM: 'scram-sha-256' },
        { KAFKA_SASL_MECHANISM: 'scram-sha-512' },
        { KAFKA_SASL_MECHANISM: 'plain' },
        { KAFKA_SASL_MECHANISM: 'oauthbearer', KAFKA_SASL_TOKEN_FILE: tokenFile },
      ]) {
        const consumer = await busOf(config('audit', more)).consume({
          group: 'audit',
          topics: ['requests', 'usage'],
          pool,
          parse: parseEvent,
          handle: effectsOf('audit'),
        });
        const events = sampleEvents(5);
        all.push(...events.map(({ id }) => id));
        // The broker comes to know new rights a moment after it has confirmed them.
        await until(async () => {
          await publisher.publish(events.map(({ value }) => ({ topic: 'requests', key: 'key', value })));
          return true;
        }, IN_TIME);
        await assertEffects(pool, all);
        expect(consumer.trouble()).toBeNull();
        await consumer.stop();
      }
      const follower = await gateway.follow({ topic: 'directory', apply: () => {} });
      await follower.ready;
      expect(follower.caughtUp()).toBe(true);
    },
    TIMEOUT_MS,
  );

  it(
    'refuses what is not listed, and we say so',
    async () => {
      const gateway = busOf(config('gateway', { KAFKA_SASL_MECHANISM: 'plain' }));
      const publisher = await gateway.createPublisher();
      const message = { topic: 'charges', key: 'key', value: Buffer.from('{}') } as const;
      await expect(publisher.publish([message])).rejects.toMatchObject({ name: 'BusError' });
      const follower = await gateway.follow({ topic: 'charges', apply: () => {} });
      await until(() => follower.trouble()?.match(/authorized|not there/i), IN_TIME);
      const topics = initTopics(config('gateway', { KAFKA_SASL_MECHANISM: 'plain' }), { logger });
      await expect(topics).rejects.toMatchObject({ code: 'not-allowed' });
    },
    TIMEOUT_MS,
  );

  it(
    'is not spoken to where its certificate is nobody’s that we trust, or the password is wrong',
    async () => {
      const { ca: _ca, ...untrusting } = adminConfig().tls ?? {};
      const attempts: KafkaConfig[] = [
        { ...adminConfig(), tls: untrusting },
        config('admin', { KAFKA_SASL_MECHANISM: 'plain', KAFKA_SASL_PASSWORD: 'wrong' }),
      ];
      for (const attempt of attempts) {
        const publisher = await busOf(attempt).createPublisher();
        const message = { topic: 'requests', key: 'key', value: Buffer.from('{}') } as const;
        await expect(publisher.publish([message])).rejects.toMatchObject({ name: 'BusError' });
      }
    },
    TIMEOUT_MS,
  );
});
