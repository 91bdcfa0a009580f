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
  [{}, /^TOLLGATE_BUS: events have nowhere to go: set KAFKA_BROKERS .* or TOLLGATE_BUS=embedded/],
  [{ KAFKA_BROKERS: 'nonsense' }, /^KAFKA_BROKERS: /],
  [{ ...env, LISTEN: 'nowhere' }, /^LISTEN: must be host:port/],
  [{ ...env, GATEWAY_MAX_BODY_BYTES: '12kB' }, /^GATEWAY_MAX_BODY_BYTES: must be a whole number/],
  [{ ...env, GATEWAY_INSTANCE: 'a b' }, /^GATEWAY_INSTANCE: /],
  [
    { ...env, TOLLGATE_AUDIT_URL: 'http://audit:41011' },
    /^TOLLGATE_TOKEN: is not set, but TOLLGATE_AUDIT_URL/,
  ],
  [{ ...env, TOLLGATE_DIRECTORY_URL: 'directory' }, /^TOLLGATE_DIRECTORY_URL: must be a URL/],
  [{ ...env, LOG_LEVEL: 'loud' }, /^LOG_LEVEL: /],
])('what is wrong stops the start with one line that names the variable: %j', (variables, message) => {
  expect(complaint(variables)).toMatch(message);
  expect(complaint(variables)).not.toContain('\n');
});
