import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '@tollgate/http';
import { NO_POLICY_CONFIG_EXAMPLES, policyConfigExamples, temporaryFolder } from '@tollgate/testing';
import { describe, expect, test } from 'vitest';
import { startGatewayUnderTest, TEST_KEY, testRouting } from '../testing/gateway-under-test.ts';
import { startRecordingUpstream } from '../testing/recording-upstream.ts';
import { fixedCredential } from '../upstream/credentials/credential.ts';
import { createUpstream } from '../upstream/upstream.ts';
import { configuredPolicy } from './configured-policy.ts';
import { readPolicy, startProblem } from './read-policy.ts';

const WORKSPACE = { DATABRICKS_HOST: 'https://adb-1.2.azuredatabricks.net', DATABRICKS_TOKEN: 't' };

function fileOf(chain: readonly string[], more: object): string {
  const file = join(temporaryFolder('policy'), 'policy-config.yaml');
  const pack = { name: 'p', version: '1.0.0', enabled: true };
  writeFileSync(file, JSON.stringify({ pack, policies: { chain }, ...more }));
  return file;
}

test('a start with a file that is wrong ends in one line, which names the first problem and counts the others', async () => {
  const refused = readPolicy(fileOf(['audit-loger'], { payloads: { capture: 'all' } }), WORKSPACE).catch(
    (error: unknown) => {
      throw startProblem(error);
    },
  );
  await expect(refused).rejects.toThrow(ConfigError);
  await expect(refused).rejects.toThrow(
    /^--policy-config: [^\n]*:1:\d+: [^\n]*audit-logger[^\n]* \(and 1 more\)$/,
  );
});

describe('the example files', () => {
  const examples = policyConfigExamples();

  test('where there are such files', (context) => {
    if (examples.length === 0) context.skip(NO_POLICY_CONFIG_EXAMPLES);
  });

  test.each(examples)('$name is served', async ({ file }) => {
    const read = await readPolicy(file, WORKSPACE);
    const recording = await startRecordingUpstream();
    const upstream = createUpstream({
      baseUrl: recording.baseUrl,
      credential: fixedCredential('simulated-databricks'),
      maxConnections: 4,
      connectTimeoutMs: 1_000,
    });
    const { config } = read;
    const upstreams = new Map(config.targets.map(({ id }) => [id, upstream]));
    const roles = config.policies.rbac?.roles.slice(0, 1).map((role) => role.name) ?? [];
    const under = await startGatewayUnderTest(configuredPolicy(read, upstreams, () => roles, testRouting()));
    try {
      const authorization = `Bearer ${TEST_KEY}`;
      const listed = await fetch(`${under.url}/v1/models`, { headers: { authorization } });
      const { data } = (await listed.json()) as { data: { id: string }[] };
      expect(data.length).toBeGreaterThan(0);
      const answer = await fetch(`${under.url}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization },
        body: JSON.stringify({
          model: data.find(({ id }) => id.includes('llama'))?.id,
          messages: [{ role: 'user', content: 'Say hello.' }],
        }),
      });
      expect(answer.status).toBe(200);
      expect(recording.bodies).toHaveLength(1);
    } finally {
      await under.close();
      await upstream.close();
      await recording.close();
    }
  });
});
