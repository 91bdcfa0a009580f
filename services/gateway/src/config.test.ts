import { ConfigError } from '@tollgate/http';
import { expect, test } from 'vitest';
import { gatewayConfig } from './config.ts';

const env = { KAFKA_BROKERS: 'localhost:9092' };

function complaint(variables: Record<string, string>, flags = {}): string {
  try {
    gatewayConfig(variables, flags);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  return 'none';
}

test('the defaults need nothing but a bus', () => {
  expect(gatewayConfig(env, {})).toMatchObject({
    listen: { host: '0.0.0.0', port: 41_002 },
    policyFile: 'policy-config.yaml',
    options: { maxDirectoryAgeMs: 30_000 },
    bus: { kind: 'kafka', kafka: { brokers: ['localhost:9092'] } },
  });
});

test('flags win over the environment', () => {
  const config = gatewayConfig(
    { ...env, LISTEN: '127.0.0.1:1', GATEWAY_POLICY_CONFIG: 'a.yaml' },
    { listen: '0.0.0.0:2', policyConfig: 'b.yaml' },
  );
  expect(config).toMatchObject({ listen: { host: '0.0.0.0', port: 2 }, policyFile: 'b.yaml' });
});

test.each([
  [
    {},
    /^TOLLGATE_BUS: events have nowhere to go: set KAFKA_BROKERS .* or TOLLGATE_BUS=embedded .* or run npm start/,
  ],
  [{ KAFKA_BROKERS: 'nonsense' }, /^KAFKA_BROKERS: /],
  [{ ...env, GATEWAY_OIDC_AUDIENCE: 'a' }, /^GATEWAY_OIDC_ISSUER: is not set, but GATEWAY_OIDC_AUDIENCE is/],
  [{ ...env, GATEWAY_OIDC_ISSUER: 'https://i.example' }, /^GATEWAY_OIDC_AUDIENCE: is not set/],
  [
    { ...env, GATEWAY_OIDC_ISSUER: 'http://i.example', GATEWAY_OIDC_AUDIENCE: 'a' },
    /^GATEWAY_OIDC_ISSUER: must begin with https/,
  ],
  [{ ...env, GATEWAY_OIDC_ALGORITHMS: 'RS256,HS256' }, /^GATEWAY_OIDC_ALGORITHMS: must be some of RS256/],
  [{ ...env, LISTEN: 'nowhere' }, /^LISTEN: must be host:port/],
  [{ ...env, GATEWAY_MAX_BODY_BYTES: '12kB' }, /^GATEWAY_MAX_BODY_BYTES: must be a whole number/],
  [{ ...env, GATEWAY_INSTANCE: 'a b' }, /^GATEWAY_INSTANCE: /],
  [
    { ...env, TOLLGATE_AUDIT_URL: 'http://audit:41011' },
    /^TOLLGATE_TOKEN: is not set, but TOLLGATE_AUDIT_URL/,
  ],
  [{ ...env, TOLLGATE_DIRECTORY_URL: 'directory' }, /^TOLLGATE_DIRECTORY_URL: must be a URL/],
  [
    { ...env, GATEWAY_ANONYMOUS_TEAM: 'Search' },
    /^GATEWAY_ANONYMOUS_TEAM: .* 0\.0\.0\.0 .*: listen on 127\.0\.0\.1, or say --anonymous-anywhere/,
  ],
  [{ ...env, GATEWAY_ANONYMOUS_CONFIRMED: 'yes' }, /^GATEWAY_ANONYMOUS_CONFIRMED: must be true or false/],
  [{ ...env, LOG_LEVEL: 'loud' }, /^LOG_LEVEL: /],
])('what is wrong stops the start with one line that names the variable: %j', (variables, message) => {
  expect(complaint(variables)).toMatch(message);
  expect(complaint(variables)).not.toContain('\n');
});

test.each(['127.0.0.1:0', '127.9.9.9:1', '[::1]:0', 'localhost:0'])(
  'callers without a key may be let in at %s, which only this machine reaches',
  (listen) => {
    expect(gatewayConfig(env, { listen, anonymousTeam: 'Search' })).toMatchObject({
      anonymousTeam: 'Search',
    });
  },
);

test('callers without a key may be let in anywhere once that is confirmed', () => {
  const flags = { listen: '0.0.0.0:1', anonymousTeam: 'Search' };
  expect(complaint(env, flags)).toMatch(/^GATEWAY_ANONYMOUS_TEAM: /);
  expect(complaint(env, { ...flags, anonymousAnywhere: true })).toBe('none');
  expect(complaint({ ...env, GATEWAY_ANONYMOUS_CONFIRMED: 'true' }, flags)).toBe('none');
  expect(complaint(env, { ...flags, listen: '127.0.0.1.example.com:1' })).toMatch(
    /^GATEWAY_ANONYMOUS_TEAM: /,
  );
});
