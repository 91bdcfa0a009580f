import { type Bus, createKafkaBus, initTopics } from '@tollgate/bus';
import { createTokenVerifier, type FollowedDirectory, followDirectory, hashCredential } from '@tollgate/http';
import { createLogger } from '@tollgate/telemetry';
import { kafkaForTests, until } from '@tollgate/testing';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  type DirectoryUnderTest,
  directoryUnderTest,
  smallCompany,
  tokenWith,
} from './testing/directory-under-test.ts';

const logger = createLogger({ service: 'test', level: 'silent' });

let bus: Bus;
let under: DirectoryUnderTest;
let company: Awaited<ReturnType<typeof smallCompany>>;
let followed: FollowedDirectory;

beforeAll(async () => {
  const kafka = await kafkaForTests();
  const config = { brokers: kafka.brokers, topicPrefix: kafka.topicPrefix };
  await initTopics(config, { replicationFactor: 1, minInsyncReplicas: 1, logger });
  bus = createKafkaBus(config, { logger });
  under = await directoryUnderTest({ bus, now: Date.now });
  company = await smallCompany(under);
  followed = await followDirectory({ bus });
  await followed.follower.ready;
});
afterAll(async () => {
  await followed?.stop();
  await under?.stop();
  await bus?.close();
});

test('a follower knows what was made before it came, and trusts it for the heartbeats', async () => {
  await until(() => followed.check() === null, {
    timeoutMs: 15_000,
    describe: () => String(followed.check()),
  });
  const { view } = followed;
  await until(() => view.entity('project', company.project.id), { timeoutMs: 10_000 });
  expect(view.entity('team', company.search.id)?.name).toBe('Search');
  expect(view.entity('project', company.project.id)?.team_id).toBe(company.search.id);
  expect(view.heartbeatAgeMs(Date.now())).toBeLessThan(3_000);
  expect(view.malformed).toBe(0);
});

test('a key works at a follower once it is made, and no longer than a second after its revocation', async () => {
  const { view } = followed;
  const made = await under.must('POST', '/v1/api-keys', { team_id: company.search.id, name: 'followed' });
  const known = await until(() => view.apiKeyByHash(hashCredential(made.secret)), { timeoutMs: 10_000 });
  expect(known.key.team_id).toBe(company.search.id);
  expect((await under.call('DELETE', `/v1/api-keys/${made.id}`)).status).toBe(204);
  await until(() => view.apiKeyByHash(hashCredential(made.secret)) === undefined, { timeoutMs: 1_000 });
});

test('a follower verifies tokens as the directory itself does', async () => {
  const token = await tokenWith(under, {
    organisation_id: company.organisation.id,
    principal_type: 'user',
    principal_id: company.user.id,
    roles: ['team'],
    team_id: company.search.id,
  });
  const verifier = createTokenVerifier({ view: followed.view });
  await until(() => verifier.verify(`Bearer ${token}`), { timeoutMs: 10_000 });
  expect(verifier.verify(`Bearer ${token}`)).toMatchObject({
    id: company.user.id,
    organisationId: company.organisation.id,
    roles: [{ role: 'team', teamId: company.search.id }],
  });
  expect(verifier.verify(`Bearer ${token}`).scopes.get('report:read')?.teamIds).toEqual(
    new Set([company.search.id]),
  );
});

test('the service is ready once its events and heartbeats get out', async () => {
  await until(async () => (await under.call('GET', '/readyz', undefined, '')).status === 200, {
    timeoutMs: 5_000,
  });
});
