import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError } from '@tollgate/http';
import { parsePolicyConfig } from '@tollgate/policy';
import { temporaryFolder } from '@tollgate/testing';
import { expect, test } from 'vitest';
import { configuredPolicy } from '../policy/configured-policy.ts';
import { upstreamSecret } from './secrets.ts';
import { upstreamsOf } from './upstreams.ts';

const BOUNDS = { maxConnections: 1, connectTimeoutMs: 1000 };

const YAML = `
pack: { name: p, version: 1.2.3, enabled: true }
providers:
  targets:
    - { id: one, provider: 'databricks:chat:llama', base_url: 'https://w.example/serving-endpoints', secret_key_ref: { env: TOKEN } }
    - { id: two, provider: 'databricks:embeddings:bge', base_url: 'https://w.example/serving-endpoints', secret_key_ref: { env: TOKEN } }
    - { id: three, provider: openai-compatible, model: other, base_url: 'https://o.example/v1', secret_key_ref: { env: OTHER } }
policies: { chain: [audit-logger] }
policy: { audit-logger: { immutable: true, retention_days: 400 } }
`;

const config = parsePolicyConfig(YAML, { env: {} });

test('targets of one address and credential share their connections', () => {
  const upstreams = upstreamsOf(config, { TOKEN: 'a', OTHER: 'b' }, BOUNDS);
  expect(upstreams.get('one')).toBe(upstreams.get('two'));
  expect(upstreams.get('one')).not.toBe(upstreams.get('three'));
});

test('the policy of a file tells what calls need to know', () => {
  const policy = configuredPolicy(config, upstreamsOf(config, { TOKEN: 'a', OTHER: 'b' }, BOUNDS), () => []);
  expect(policy).toMatchObject({ audited: true, retentionDays: 400, models: ['llama', 'bge', 'other'] });
  expect(policy.version).toMatchObject({ name: 'p', version: '1.2.3' });
  expect(policy.targetFor('llama')).toMatchObject({
    task: 'chat',
    takesAttribution: true,
    durability: 'disk',
  });
  expect(policy.targetFor('other')).toMatchObject({ task: null, takesAttribution: false });
  expect(policy.targetFor('none')).toBeNull();
});

test('a missing credential stops the start and names its variable and target', () => {
  const missing = () => upstreamsOf(config, { TOKEN: 'a' }, BOUNDS);
  expect(missing).toThrow(ConfigError);
  expect(missing).toThrow(/^OTHER: is not set, and target three needs it/);
});

test('a credential that a header can not carry is refused without being shown', () => {
  const bad = () => upstreamSecret({ TOKEN: 'secret\nvalue' }, 'TOKEN', 'one');
  expect(bad).toThrow(/^TOKEN: /);
  expect(bad).not.toThrow(/secret/);
});

test('a credential may come from a file', () => {
  const file = join(temporaryFolder(), 'token');
  writeFileSync(file, 'from-file\n');
  expect(upstreamSecret({ TOKEN_FILE: file }, 'TOKEN', 'one')).toBe('from-file');
  expect(() => upstreamSecret({ TOKEN_FILE: `${file}-none` }, 'TOKEN', 'one')).toThrow(
    /^TOKEN_FILE: can't be read/,
  );
});
