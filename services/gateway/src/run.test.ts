import { randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Bus, createKafkaBus, initTopics, type Publisher } from '@tollgate/bus';
import {
  type DirectoryEntity,
  emissionFaults,
  parseEvent,
  parseSequence,
  serializeEvent,
  type TollgateEvent,
} from '@tollgate/events';
import { ConfigError, hashCredential, mintCredential, type Reloadable } from '@tollgate/http';
import { createSimulatedDatabricks, type SimulatedDatabricks } from '@tollgate/simulated-databricks';
import { createLogger } from '@tollgate/telemetry';
import { freePort, kafkaForTests, temporaryFolder, until } from '@tollgate/testing';
import { Kafka, logLevel } from 'kafkajs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startGateway } from './run.ts';

const logger = createLogger({ service: 'gateway', level: 'silent' });
const SECRET = 'dapi-very-secret';
const MODELS = ['relaxed', 'disk', 'broker'] as const;
const PROMPT = 'words that must stay between caller and model';

let upstream: SimulatedDatabricks;
let bus: Bus;
let publisher: Publisher;
let env: Record<string, string>;
let gateway: Reloadable;
let url: string;
let brokers: readonly string[];
let topicPrefix: string;
const key = mintCredential('key').secret;
const metricsToken = mintCredential('token').secret;

function policy(baseUrl: string): string {
  return JSON.stringify({
    pack: { name: 'p', version: '1.0.0', enabled: true },
    providers: {
      targets: MODELS.map((durability) => ({
        id: durability,
        provider: `databricks:chat:${durability}`,
        base_url: baseUrl,
        secret_key_ref: { env: 'UPSTREAM_TOKEN' },
        durability,
      })),
    },
    policies: { chain: ['audit-logger'] },
    policy: { 'audit-logger': { immutable: true, retention_days: 30 } },
  });
}

const entities: DirectoryEntity[] = [
  {
    kind: 'api-key',
    id: 'key_1',
    version: 1,
    deleted: false,
    organisation_id: 'org_1',
    team_id: 'team_1',
    project_id: null,
    cost_centre_id: null,
    principal_type: 'service',
    principal_id: 'sp_1',
    name: 'k',
    sha256: hashCredential(key),
    tags: {},
    expires_at: null,
  },
  {
    kind: 'access-token',
    id: 'token_1',
    version: 1,
    deleted: false,
    organisation_id: null,
    principal_type: 'service',
    principal_id: 'sp_2',
    name: 't',
    sha256: hashCredential(metricsToken),
    roles: [],
    scopes: ['metrics:read'],
    team_id: null,
    expires_at: null,
  },
];

async function tell(
  draft: Parameters<typeof serializeEvent>[0],
  at: string,
  sequence: number | null,
): Promise<void> {
  const value = serializeEvent(draft, '/services/directory/1', sequence);
  await until(() => publisher.publish([{ topic: 'directory', key: at, value }]).then(() => true), {
    timeoutMs: 30_000,
  });
}

const beat = () =>
  tell(
    {
      type: 'tollgate.directory.heartbeat.v1',
      id: randomUUID(),
      subject: 'heartbeat',
      time: new Date().toISOString(),
      data: { at: new Date().toISOString() },
    },
    'heartbeat',
    null,
  );

const chat = (model: string, more: object = {}) =>
  fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'x-request-id': 'mine' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: PROMPT }], max_tokens: 4, ...more }),
  });

beforeAll(async () => {
  ({ brokers, topicPrefix } = await kafkaForTests());
  await initTopics(
    { brokers, topicPrefix },
    { replicationFactor: 1, minInsyncReplicas: 1, partitions: 2, logger },
  );
  bus = createKafkaBus({ brokers, topicPrefix }, { logger });
  publisher = await bus.createPublisher();
  upstream = createSimulatedDatabricks({ tokens: [SECRET], anyEndpoint: true });
  await upstream.listen();
  let sequence = 0;
  for (const entity of entities) {
    sequence += 1;
    const draft = { id: randomUUID(), subject: entity.id, time: new Date().toISOString(), data: { entity } };
    await tell({ ...draft, type: 'tollgate.directory.v1' }, `${entity.kind}/${entity.id}`, sequence);
  }
  await beat();
  const folder = temporaryFolder('gateway');
  const policyFile = join(folder, 'policy-config.yaml');
  writeFileSync(policyFile, policy(`${upstream.url}/serving-endpoints`));
  const port = await freePort();
  url = `http://127.0.0.1:${port}`;
  env = {
    KAFKA_BROKERS: brokers.join(','),
    TOLLGATE_TOPIC_PREFIX: topicPrefix,
    LISTEN: `127.0.0.1:${port}`,
    GATEWAY_POLICY_CONFIG: policyFile,
    GATEWAY_SPOOL_FOLDER: join(folder, 'spool'),
    GATEWAY_INSTANCE: 'under-test',
    GATEWAY_DIRECTORY_MAX_AGE_SECONDS: '120',
    UPSTREAM_TOKEN: SECRET,
    LOG_LEVEL: 'silent',
  };
  gateway = await startGateway(env, {}, logger);
});

afterAll(async () => {
  await publisher.close();
  await bus.close();
  await upstream.close();
});

/** Everything the gateway has put on the bus, read with the plain client. */
async function published(): Promise<Buffer[]> {
  const kafka = new Kafka({ clientId: 'test', brokers: [...brokers], logLevel: logLevel.NOTHING });
  const topics = ['requests', 'decisions', 'usage', 'sources', 'admin'].map((topic) => topicPrefix + topic);
  const admin = kafka.admin();
  await admin.connect();
  let expected = 0;
  for (const topic of topics) {
    for (const { high } of await admin.fetchTopicOffsets(topic)) expected += Number(high);
  }
  await admin.disconnect();
  const consumer = kafka.consumer({ groupId: `test-${randomUUID()}` });
  const values: Buffer[] = [];
  await consumer.connect();
  await consumer.subscribe({ topics, fromBeginning: true });
  await consumer.run({
    eachMessage: async ({ message }) => {
      if (message.value !== null) values.push(message.value);
    },
  });
  await until(() => values.length >= expected, { timeoutMs: 60_000 });
  await consumer.disconnect();
  return values;
}

function parsed(value: Buffer): TollgateEvent {
  const result = parseEvent(value);
  if (result.kind !== 'event') throw new Error(JSON.stringify(result));
  return result.event;
}

describe('a gateway process', () => {
  test('becomes ready once the directory is here', async () => {
    await until(async () => (await fetch(`${url}/readyz`)).ok, { timeoutMs: 30_000 });
  });

  test('answers at every durability level, with and without a stream', async () => {
    for (const model of MODELS) {
      for (const stream of [false, true]) {
        const response = await chat(model, { stream });
        expect(response.status).toBe(200);
        expect(await response.text()).toContain(stream ? 'data: [DONE]' : '"completion_tokens":4');
      }
    }
    expect((await chat('unknown')).status).toBe(404);
  });

  test('shows its metrics to a token with the scope', async () => {
    const metrics = (authorization: string) => fetch(`${url}/metrics`, { headers: { authorization } });
    expect((await metrics(`Bearer ${key}`)).status).toBe(401);
    const text = await (await metrics(`Bearer ${metricsToken}`)).text();
    expect(text).toContain('fate="completed"');
    expect(text).not.toContain(SECRET);
  });

  test('takes up edits of its policy file, and says of a bad one that it does not, but goes on', async () => {
    const file = env['GATEWAY_POLICY_CONFIG'] ?? '';
    const good = policy(`${upstream.url}/serving-endpoints`);
    const inForce = async () => {
      const response = await fetch(`${url}/metrics`, {
        headers: { authorization: `Bearer ${metricsToken}` },
      });
      return /policy_info\{name="p",version="([^"]+)"/.exec(await response.text())?.[1];
    };
    writeFileSync(file, good.replace('1.0.0', '1.0.1'));
    await until(async () => (await inForce()) === '1.0.1', { timeoutMs: 20_000 });
    writeFileSync(file, good.replace('audit-logger', 'audit-loger'));
    await gateway.reload();
    const ready = await fetch(`${url}/readyz`);
    expect([ready.status, await ready.json()]).toMatchObject([
      200,
      { warnings: [expect.stringContaining('version 1.0.1')] },
    ]);
    writeFileSync(file, good);
    await gateway.reload();
    expect(await inForce()).toBe('1.0.0');
  });

  test('refuses a second process on its spool', async () => {
    const port = await freePort();
    await expect(startGateway({ ...env, LISTEN: `127.0.0.1:${port}` }, {}, logger)).rejects.toMatchObject({
      code: 'spool-locked',
    });
  });

  test('stops in order, with every event on the bus, numbered without a gap and without a secret', async () => {
    await gateway.stop();
    const values = await published();
    const text = Buffer.concat(values).toString('utf8');
    expect(text).not.toContain(SECRET);
    expect(text).not.toContain(PROMPT);
    expect(text).not.toContain(key);
    const events = values.map(parsed);
    const numbers = new Set(
      events.flatMap(({ sequence }) => (sequence === undefined ? [] : [parseSequence(sequence)])),
    );
    expect([...numbers].sort((a, b) => a - b)).toEqual(Array.from({ length: numbers.size }, (_, i) => i + 1));
    expect(events.some(({ type }) => type === 'tollgate.source.stopped.v1')).toBe(true);
    const unique = [...new Map(events.map((event) => [event.id, event])).values()];
    const told = unique.flatMap((event) =>
      event.type === 'tollgate.admin.v1' && event.data.action === 'policy.in-force' ? [event.data] : [],
    );
    const versions = told.map(({ details }) => details['policy']);
    expect(versions).toMatchObject([{ version: '1.0.0' }, { version: '1.0.1' }, { version: '1.0.0' }]);
    const [first] = told;
    expect(first?.target).toBe(`policy/${Object(first?.details['policy']).digest}`);
    expect(first?.details).toMatchObject({
      catalog_digest: expect.stringMatching(/^[0-9a-f.]+$/),
      targets: MODELS.map((target_id) => ({ target_id, zero_data_retention: false, asserted_by: null })),
    });
    const requests = unique.filter(({ type }) => type === 'tollgate.request.v1');
    expect(requests).toHaveLength(7);
    for (const { subject, data } of requests) {
      expect(data).toMatchObject({ client_request_id: 'mine', attribution: { team_id: 'team_1' } });
      const own = unique.filter((event) => event.subject === subject);
      const denied = own.some(
        ({ type, data: { outcome } }) => type === 'tollgate.decision.v1' && outcome !== 'allowed',
      );
      expect(emissionFaults(denied ? 'rejected' : 'answered', own)).toEqual([]);
    }
  });

  test('starts again on the same spool', async () => {
    const again = await startGateway(env, {}, logger);
    await beat();
    await until(async () => (await fetch(`${url}/readyz`)).ok, { timeoutMs: 30_000 });
    expect((await chat('disk')).status).toBe(200);
    await again.stop();
  });
});

describe('a start that can not succeed', () => {
  const refused = async (change: Record<string, string | undefined>): Promise<string> => {
    const changed: Record<string, string | undefined> = { ...env, ...change };
    const error: unknown = await startGateway(changed, {}, logger).then(
      (running) => running.stop(),
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(ConfigError);
    return error instanceof Error ? error.message : '';
  };

  test('names what is missing on one line', async () => {
    expect(await refused({ KAFKA_BROKERS: undefined })).toMatch(
      /^TOLLGATE_BUS: events have nowhere to go: set KAFKA_BROKERS/,
    );
    expect(await refused({ UPSTREAM_TOKEN: undefined })).toMatch(
      /^UPSTREAM_TOKEN: is not set, and target relaxed/,
    );
    expect(await refused({ GATEWAY_POLICY_CONFIG: '/nowhere.yaml' })).toMatch(
      /^--policy-config: \/nowhere\.yaml/,
    );
  });

  test('names the field of a wrong policy file', async () => {
    const file = join(temporaryFolder('policy'), 'bad.yaml');
    writeFileSync(
      file,
      'pack: { name: p, version: 1.0.0, enabled: true }\npolicies: { chain: [audit-loger] }\n',
    );
    expect(await refused({ GATEWAY_POLICY_CONFIG: file })).toMatch(
      /bad\.yaml:2:\d+: policies\.chain\[0\].*audit-logger/,
    );
  });
});
