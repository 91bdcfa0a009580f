import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  assertServable,
  loadPolicyConfig,
  PolicyConfigError,
  parsePolicyConfig,
  RECORDING_ONLY,
  type Support,
  targetFor,
} from '../index.ts';

const WORKSPACE = { DATABRICKS_HOST: 'https://adb-1.2.azuredatabricks.net' };

/** One target, streamed to with a deadline and probed. */
const STREAMING = `pack:
  name: streaming
  version: 2.1.0
  enabled: true
providers:
  targets:
    - id: llama
      provider: databricks:chat:databricks-meta-llama-3-3-70b-instruct
      base_url: https://{workspace}.azuredatabricks.net/serving-endpoints
      timeout_seconds: 120
      health_probe: true
      secret_key_ref:
        env: DATABRICKS_TOKEN
policies:
  chain:
    - audit-logger
policy:
  audit-logger:
    immutable: true
    retention_days: 400
    log_all_access: true
`;

const target = (fields: string): string => `pack: {name: p, version: 1.0.0, enabled: true}
providers:
  targets:
    - id: one
      ${fields}
policies: {chain: []}
`;

/** What is wrong, as code and place. */
function problemsOf(text: string, env: Record<string, string> = {}, support?: Support): string[] {
  try {
    parsePolicyConfig(text, { env, support });
  } catch (error) {
    if (!(error instanceof PolicyConfigError)) throw error;
    return error.problems.map(({ code, line, column, path }) => `${line}:${column} ${code} ${path}`);
  }
  return [];
}

function messageOf(text: string, env: Record<string, string> = {}, support?: Support): string {
  try {
    parsePolicyConfig(text, { env, support });
  } catch (error) {
    if (error instanceof PolicyConfigError) return error.message;
    throw error;
  }
  return '';
}

describe('a configuration that is right', () => {
  test('becomes targets with the workspace filled in, the chain, its settings and the digest of the bytes', () => {
    const config = parsePolicyConfig(STREAMING, { env: WORKSPACE, file: 'gateway.yaml' });
    expect(config).toEqual({
      file: 'gateway.yaml',
      digest: createHash('sha256').update(STREAMING).digest('hex'),
      pack: { name: 'streaming', version: '2.1.0', enabled: true },
      targets: [
        {
          id: 'llama',
          provider: { kind: 'databricks', model: 'databricks-meta-llama-3-3-70b-instruct', task: 'chat' },
          baseUrl: 'https://adb-1.2.azuredatabricks.net/serving-endpoints',
          secretKeyRef: { env: 'DATABRICKS_TOKEN' },
          oauth: null,
          format: 'openai',
          timeoutMs: 120_000,
          healthProbe: true,
          dataPolicy: { zeroDataRetention: false, assertedBy: null, assertedOn: null },
          durability: 'disk',
          servingMode: 'pay-per-token',
          region: null,
        },
      ],
      routes: [
        {
          model: 'databricks-meta-llama-3-3-70b-instruct',
          targets: [{ target: expect.objectContaining({ id: 'llama' }), weight: 1 }],
          durability: null,
          payloads: { mode: 'none', requests: false, responses: false, retentionDays: null },
          defaultMaxOutputTokens: null,
          region: null,
          requiredStandards: [],
          allowCrossGeography: null,
          featureFlag: null,
        },
      ],
      routesByModel: expect.any(Map),
      chain: ['audit-logger'],
      maxTextBytes: 1_048_576,
      overMaxText: 'block',
      policies: {
        promptInjection: null,
        piiDetector: null,
        dlpFilter: null,
        rbac: null,
        safetyFilter: null,
        auditLogger: { immutable: true, retentionDays: 400, logAllAccess: true },
      },
      auditLogger: { immutable: true, retentionDays: 400, logAllAccess: true },
      featureFlags: new Map(),
      catalog: { requireKnown: false, refuseRetired: false, file: null },
    });
  });

  test('is found by the exact model name alone', () => {
    const config = parsePolicyConfig(STREAMING, { env: WORKSPACE });
    expect(targetFor(config, 'databricks-meta-llama-3-3-70b-instruct')).toBe(config.targets[0]);
    expect(targetFor(config, 'llama')).toBeNull();
    expect(targetFor(config, 'databricks-meta-llama-3-3-70b-instruc')).toBeNull();
    expect(targetFor(config, 'constructor')).toBeNull();
  });

  test('cannot be changed, at any depth', () => {
    const config = parsePolicyConfig(STREAMING, { env: WORKSPACE });
    expect(() => Object.assign(config.pack, { enabled: false })).toThrow(TypeError);
    expect(() => Object.assign(config.targets[0]?.provider ?? {}, { model: 'other' })).toThrow(TypeError);
    expect(() => Reflect.apply(Array.prototype.push, config.chain, ['rbac'])).toThrow(TypeError);
  });

  test('holds no value of the environment but the workspace', () => {
    const env = { ...WORKSPACE, DATABRICKS_TOKEN: 'dapi-very-secret' };
    expect(JSON.stringify(parsePolicyConfig(STREAMING, { env }))).not.toContain('very-secret');
  });

  test('replaces the whole origin by DATABRICKS_HOST, with or without scheme and slash, and keeps the path', () => {
    const baseUrl = (host: string): string | undefined =>
      parsePolicyConfig(STREAMING, { env: { DATABRICKS_HOST: host } }).targets[0]?.baseUrl;
    expect(baseUrl('dbc-1.cloud.databricks.com/')).toBe(
      'https://dbc-1.cloud.databricks.com/serving-endpoints',
    );
    expect(baseUrl('http://127.0.0.1:41020')).toBe('http://127.0.0.1:41020/serving-endpoints');
  });

  test('leaves an address without a placeholder alone, whatever DATABRICKS_HOST says', () => {
    const text = STREAMING.replace('{workspace}', 'adb-9');
    expect(parsePolicyConfig(text, { env: WORKSPACE }).targets[0]?.baseUrl).toBe(
      'https://adb-9.azuredatabricks.net/serving-endpoints',
    );
  });

  test('takes a bare provider with model, an openai-compatible upstream, and our own fields', () => {
    const text = `pack: {name: p, version: 1.0.0, enabled: true}
providers:
  targets:
    - id: embeddings
      provider: databricks
      model: databricks-bge-large-en
      durability: broker
      serving_mode: provisioned-throughput
      region: westeurope
      timeout_seconds: 0.5
      data_policy: {zero_data_retention: true}
      secret_key_ref: {env: DATABRICKS_TOKEN}
    - {id: local, provider: 'openai-compatible:chat:org/model:7b', base_url: 'http://localhost:8000/v1/'}
policies: {chain: []}
`;
    const config = parsePolicyConfig(text, { env: WORKSPACE });
    expect(targetFor(config, 'databricks-bge-large-en')).toMatchObject({
      provider: { kind: 'databricks', task: null },
      baseUrl: 'https://adb-1.2.azuredatabricks.net/serving-endpoints',
      durability: 'broker',
      servingMode: 'provisioned-throughput',
      region: 'westeurope',
      timeoutMs: 500,
      dataPolicy: { zeroDataRetention: true, assertedBy: null, assertedOn: null },
    });
    expect(targetFor(config, 'org/model:7b')).toMatchObject({
      provider: { kind: 'openai-compatible', task: 'chat' },
      baseUrl: 'http://localhost:8000/v1',
      secretKeyRef: null,
      durability: 'relaxed',
    });
    expect(config.auditLogger).toBeNull();
  });

  test('records durably by default once audit-logger is in the chain, unless the policy or a target says otherwise', () => {
    const chain = (settings: string, own = ''): string | undefined =>
      parsePolicyConfig(
        target(`{}`)
          .replace(
            '{}\n',
            `provider: databricks:chat:m\n      base_url: https://x.net\n      secret_key_ref: {env: T}\n${own}`,
          )
          .replace('chain: []', 'chain: [audit-logger]') + settings,
        { env: {} },
      ).targets[0]?.durability;
    expect(chain('')).toBe('disk');
    expect(chain('policy: {audit-logger: {immutable: false}}\n')).toBe('relaxed');
    expect(chain('', '      durability: relaxed\n')).toBe('relaxed');
  });
});

describe('a configuration without targets', () => {
  const text = 'pack: {name: p, version: 1.0.0, enabled: true}\npolicies: {chain: [audit-logger]}\n';

  test('has the credentials of the workspace also for targets there that name none, and for no others', () => {
    const env = { ...WORKSPACE, DATABRICKS_CLIENT_ID_FILE: '/secrets/id' };
    const targets = (base: string): string =>
      `${text}providers: {targets: [{id: one, provider: 'databricks:chat:m'${base}}]}\n`;
    expect(parsePolicyConfig(targets(''), { env }).targets[0]?.oauth).toMatchObject({
      tokenUrl: 'https://adb-1.2.azuredatabricks.net/oidc/v1/token',
    });
    expect(parsePolicyConfig(targets(''), { env: WORKSPACE }).targets[0]?.secretKeyRef).toEqual({
      env: 'DATABRICKS_TOKEN',
    });
    const elsewhere = targets(", base_url: 'https://adb-1.2.azuredatabricks.net.example/x'");
    expect(() => parsePolicyConfig(elsewhere, { env })).toThrow(/secret_key_ref: This field is required/);
  });

  test('is shown to the workspace as a service principal where the environment names one', () => {
    const env = { ...WORKSPACE, DATABRICKS_CLIENT_ID: 'x', DATABRICKS_TOKEN: 'y' };
    const [first] = parsePolicyConfig(text, { env }).targets;
    expect(first).toMatchObject({
      secretKeyRef: null,
      oauth: {
        clientId: { env: 'DATABRICKS_CLIENT_ID' },
        clientSecret: { env: 'DATABRICKS_CLIENT_SECRET' },
        tokenUrl: 'https://adb-1.2.azuredatabricks.net/oidc/v1/token',
        scope: 'all-apis',
      },
    });
    expect(parsePolicyConfig(text, { env: WORKSPACE }).targets[0]).toMatchObject({
      secretKeyRef: { env: 'DATABRICKS_TOKEN' },
      oauth: null,
    });
  });

  test('serves the models of the workspace that DATABRICKS_HOST names', () => {
    const config = assertServable(parsePolicyConfig(text, { env: WORKSPACE }));
    expect(config.targets.map(({ id }) => id)).toEqual([
      'databricks-meta-llama-3-3-70b-instruct',
      'databricks-meta-llama-3-1-405b-instruct',
      'databricks-dbrx-instruct',
      'databricks-mixtral-8x7b-instruct',
      'databricks-bge-large-en',
    ]);
    expect(config.targets[4]).toMatchObject({
      baseUrl: 'https://adb-1.2.azuredatabricks.net/serving-endpoints',
      secretKeyRef: { env: 'DATABRICKS_TOKEN' },
      durability: 'disk',
    });
  });

  test('checks clean without DATABRICKS_HOST but is not served, and says what to set', () => {
    const config = parsePolicyConfig(text, { env: {} });
    expect(config.targets).toEqual([]);
    expect(() => assertServable(config)).toThrowError(
      expect.objectContaining({ code: 'no-targets', message: expect.stringContaining('DATABRICKS_HOST') }),
    );
  });

  test('is not helped by a DATABRICKS_HOST that is no address', () => {
    for (const host of ['ftp://x', 'https://user:pass@x.net', 'https://x.net/?o=1', 'http://']) {
      expect(() => parsePolicyConfig(text, { env: { DATABRICKS_HOST: host } })).toThrowError(
        expect.objectContaining({
          code: 'bad-databricks-host',
          message: expect.stringMatching(/^DATABRICKS_HOST: Give/),
        }),
      );
    }
  });
});

describe('a configuration that is wrong', () => {
  test('is refused with every problem, each with its line, column and field, in the order of the file', () => {
    const text = `pack:
  name: x
  version: 1.0
  enable: true
providers:
  targets:
    - id: a
      provider: databrick:chat:m
    - id: b
      provider: databricks:chat:n
      base_url: https://x.net/serving-endpoints
      secret_key_ref: {env: dapi0123}
      timeout_second: 3
      data_policy: {zero_data_retention: 'yes'}
policies:
  chain: [audit-loger]
policy:
  audit-logger: {retention_days: 0}
  audit: {}
extra: 1
`;
    expect(problemsOf(text)).toEqual([
      '3:3 invalid-value pack.version',
      '4:3 unknown-field pack.enable',
      '8:7 invalid-value providers.targets[0].provider',
      '13:7 unknown-field providers.targets[1].timeout_second',
      '14:21 invalid-value providers.targets[1].data_policy.zero_data_retention',
      '16:11 invalid-value policies.chain[0]',
      '18:18 invalid-value policy.audit-logger.retention_days',
      '19:3 unknown-field policy.audit',
      '20:1 unknown-field extra',
    ]);
    const message = messageOf(text);
    expect(message).toContain(
      'policy-config.yaml:4:3: pack.enable: Nothing reads this field. Did you mean "enabled"?',
    );
    expect(message).toContain('Did you mean "timeout_seconds"?');
    expect(message).toContain('Did you mean "audit-logger"?');
    expect(message).toContain('pack.version: Expected a text, and this is a number. Put it in quotes.');
    expect(message).toContain(
      'Known here: pack, providers, routes, policies, policy, payloads, feature_flags, catalog.',
    );
    expect(message).toMatch(/provider: No provider is called "databrick": "databricks"\?/);
  });

  test('tells a problem beside an unknown field of the same target, in one go', () => {
    const text = target(
      'provider: databricks:chat:m\n      secret_key_ref: {env: dapi0123}\n      base_uri: https://x.net',
    );
    expect(problemsOf(text)).toEqual([
      '6:24 invalid-value providers.targets[0].secret_key_ref.env',
      '7:7 unknown-field providers.targets[0].base_uri',
    ]);
  });

  test('is told in one line where one thing is wrong', () => {
    expect(messageOf(STREAMING.replace('health_probe', 'healthprobe'), WORKSPACE)).toBe(
      'policy-config.yaml:11:7: providers.targets[0].healthprobe: Nothing reads this field. Did you mean "health_probe"?',
    );
  });

  test.each([
    ['a placeholder that nothing fills', STREAMING, '9:7 unfilled-placeholder providers.targets[0].base_url'],
    [
      'a bare provider that does not say what it serves',
      target('provider: databricks\n      base_url: https://x.net\n      secret_key_ref: {env: T}'),
      '4:7 missing-field providers.targets[0].model',
    ],
    [
      'a model beside a provider that names another',
      target(
        'provider: databricks:chat:m\n      model: n\n      base_url: https://x.net\n      secret_key_ref: {env: T}',
      ),
      '6:7 contradiction providers.targets[0].model',
    ],
    [
      'a task that does not exist',
      target('provider: databricks:speech:m\n      base_url: https://x.net\n      secret_key_ref: {env: T}'),
      '5:7 invalid-value providers.targets[0].provider',
    ],
    [
      'credentials in an address',
      target(
        'provider: databricks:chat:m\n      base_url: https://me:secret@x.net\n      secret_key_ref: {env: T}',
      ),
      '6:7 invalid-value providers.targets[0].base_url',
    ],
    [
      'a Databricks target without a credential',
      target('provider: databricks:chat:m\n      base_url: https://x.net'),
      '4:7 missing-field providers.targets[0].secret_key_ref',
    ],
    [
      'two kinds of credential',
      target(
        'provider: databricks:chat:m\n      base_url: https://x.net\n      secret_key_ref: {env: T}\n      oauth: {client_id: {env: I}, client_secret: {env: S}}',
      ),
      '8:7 contradiction providers.targets[0].oauth',
    ],
    [
      'a client secret that was pasted',
      target(
        'provider: databricks:chat:m\n      base_url: https://x.net\n      oauth: {client_id: {env: I}, client_secret: {env: dose0123}}',
      ),
      '7:52 invalid-value providers.targets[0].oauth.client_secret.env',
    ],
    [
      'tokens from nowhere',
      target(
        'provider: openai-compatible:chat:m\n      base_url: https://x.net\n      oauth: {client_id: {env: I}, client_secret: {env: S}}',
      ),
      '7:7 missing-field providers.targets[0].oauth.token_url',
    ],
    [
      'a format that is not spoken',
      target(
        'provider: databricks:chat:m\n      format: anthropic\n      base_url: https://x.net\n      secret_key_ref: {env: T}',
      ),
      '6:7 invalid-value providers.targets[0].format',
    ],
    [
      'settings of a policy that is not in the chain',
      `${target('provider: openai-compatible:chat:m\n      base_url: https://x.net')}policy: {audit-logger: {}}\n`,
      '8:10 contradiction policy.audit-logger',
    ],
    [
      'a policy twice in the chain',
      STREAMING.replaceAll('{workspace}', 'w').replace(
        '    - audit-logger\n',
        '    - audit-logger\n    - audit-logger\n',
      ),
      '17:7 duplicate policies.chain[1]',
    ],
    [
      'a chain that is left out',
      'pack: {name: p, version: 1.0.0, enabled: true}\n',
      '1:1 missing-field policies',
    ],
  ])('is refused for %s', (_, text, problem) => {
    expect(problemsOf(text)).toEqual([problem]);
  });

  test('is refused where two targets have one id', () => {
    const entry = (id: string, model: string): string =>
      `    - {id: ${id}, provider: 'openai-compatible:chat:${model}', base_url: 'https://x.net'}\n`;
    const text = (second: string): string =>
      `pack: {name: p, version: 1.0.0, enabled: true}\npolicies: {chain: []}\nproviders:\n  targets:\n${entry('a', 'm')}${second}`;
    expect(problemsOf(text(entry('b', 'n')))).toEqual([]);
    expect(problemsOf(text(entry('a', 'n')))).toEqual(['6:8 duplicate providers.targets[1].id']);
  });

  test.each(['prompt-injection', 'pii-detector', 'dlp-filter', 'rbac', 'safety-filter'])(
    'is refused for %s, in the chain or with settings, by a gateway that does not enforce it',
    (name) => {
      const filled = STREAMING.replaceAll('{workspace}', 'w');
      const chained = filled.replace('    - audit-logger\n', `    - ${name}\n    - audit-logger\n`);
      expect(problemsOf(chained, {}, RECORDING_ONLY)).toEqual(['16:7 not-available policies.chain[0]']);
      expect(problemsOf(`${filled}  ${name}: {}\n`, {}, RECORDING_ONLY)).toEqual([
        `22:3 not-available policy.${name}`,
      ]);
      expect(messageOf(chained, {}, RECORDING_ONLY)).toContain('is not available in this version');
    },
  );

  test('never repeats a value that could be a secret', () => {
    const text = target(
      'provider: databricks:chat:m\n      base_url: https://me:hunter2@x.net\n      secret_key_ref: {env: dapi0123456789}\n      token: hunter3',
    );
    expect(messageOf(text)).not.toMatch(/hunter|dapi/);
    expect(problemsOf(text)).toHaveLength(3);
  });

  test('never repeats what is no YAML', () => {
    expect(messageOf('pack: {}\n| hunter2\n')).toMatch(/^policy-config\.yaml:2:1: /);
    expect(messageOf('pack: {}\n| hunter2\n')).not.toContain('hunter2');
  });

  test('is refused where it is no YAML, with the place', () => {
    expect(problemsOf('pack:\n  name: "x\n')).toEqual(['3:1 invalid-yaml ']);
    expect(problemsOf('pack: {}\npack: {}\n')).toEqual(['2:1 invalid-yaml ']);
    expect(problemsOf('pack: *nobody\n')).toEqual(['1:7 invalid-yaml ']);
    expect(problemsOf('- a list\n')).toContain('1:1 invalid-value ');
  });

  test('is refused where aliases unfold into more than a file may hold', () => {
    const levels = Array.from(
      { length: 12 },
      (_, level) => `l${level + 1}: &l${level + 1} [${`*l${level},`.repeat(9)}]`,
    );
    expect(problemsOf(`l0: &l0 [x]\n${levels.join('\n')}\n`)).toEqual(['0:0 invalid-yaml ']);
  });
});

describe('loading a file to serve it', () => {
  test('refuses a file that is not there, one whose pack is disabled, and gives back one that is right', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tollgate-policy-'));
    try {
      const file = join(folder, 'policy-config.yaml');
      await expect(loadPolicyConfig(file, WORKSPACE)).rejects.toMatchObject({ code: 'unreadable-file' });
      writeFileSync(file, STREAMING.replace('enabled: true', 'enabled: false'));
      await expect(loadPolicyConfig(file, WORKSPACE)).rejects.toMatchObject({ code: 'pack-disabled' });
      writeFileSync(file, STREAMING);
      await expect(loadPolicyConfig(file, WORKSPACE)).resolves.toMatchObject({
        file,
        pack: { enabled: true },
      });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
