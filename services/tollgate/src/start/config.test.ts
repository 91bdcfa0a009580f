import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ConfigError } from '@tollgate/http';
import { temporaryFolder } from '@tollgate/testing';
import { describe, expect, test } from 'vitest';
import { startConfig } from './config.ts';

describe('models and the lakehouse', () => {
  test('are simulated, and a file, where nothing of Databricks is set', () => {
    const { databricks, warehouse } = startConfig({ PATH: '/bin' }, {});
    expect({ databricks, warehouse }).toEqual({ databricks: null, warehouse: null });
  });

  test('come from the workspace, and go to the warehouse, that are set', () => {
    const env = { DATABRICKS_HOST: 'adb-1.net', DATABRICKS_TOKEN: 'dapi-1', DATABRICKS_HTTP_PATH: '/sql/1' };
    const { databricks, warehouse } = startConfig(env, {});
    expect(databricks).toEqual({ DATABRICKS_HOST: 'adb-1.net', DATABRICKS_TOKEN: 'dapi-1' });
    expect(warehouse).toEqual(env);
  });

  test('come from it by a service principal, too, whose secret stays in its file', () => {
    const file = join(temporaryFolder('start'), 'secret');
    writeFileSync(file, 'very-secret');
    const env = {
      DATABRICKS_HOST: 'adb-1.net',
      DATABRICKS_CLIENT_ID: 'client',
      DATABRICKS_CLIENT_SECRET_FILE: file,
    };
    expect(startConfig({ ...env, PATH: '/bin' }, {}).databricks).toEqual(env);
  });

  test.each<[Record<string, string>, string]>([
    [{ DATABRICKS_HOST: 'adb-1.net' }, 'DATABRICKS_TOKEN'],
    [{ DATABRICKS_TOKEN: 'dapi-very-secret' }, 'DATABRICKS_HOST'],
    [{ DATABRICKS_HOST: 'adb-1.net', DATABRICKS_CLIENT_ID: 'c' }, 'DATABRICKS_CLIENT_SECRET'],
    [{ DATABRICKS_HOST: 'adb-1.net', DATABRICKS_CLIENT_SECRET: 'very-secret' }, 'DATABRICKS_CLIENT_ID'],
    [{ DATABRICKS_CLIENT_ID: 'c' }, 'DATABRICKS_HOST'],
  ])('are refused where half of it is set, without the value: %o', (env, missing) => {
    const start = () => startConfig(env, {});
    expect(start).toThrow(ConfigError);
    expect(start).toThrow(new RegExp(`^${missing}: is not set`));
    expect(start).not.toThrow(/very-secret/);
  });
});

test('what belongs to single services is passed on, what says where they are is not', () => {
  const { passedOn } = startConfig(
    {
      GATEWAY_MAX_IN_FLIGHT: '5',
      OTHER_UPSTREAM_KEY: 'x',
      DATABRICKS_SYNC_MAX_BATCH_ROWS: '7',
      KAFKA_BROKERS: 'elsewhere:9092',
      TOLLGATE_TOKEN: 'tgs_other',
      DATABASE_URL: 'postgres://elsewhere/x',
      LISTEN: '0.0.0.0:1',
      DATABRICKS_HOST: 'a',
      DATABRICKS_TOKEN: 'b',
    },
    { anonymousTeam: 'My team' },
  );
  expect(passedOn).toEqual({
    GATEWAY_MAX_IN_FLIGHT: '5',
    OTHER_UPSTREAM_KEY: 'x',
    DATABRICKS_SYNC_MAX_BATCH_ROWS: '7',
    GATEWAY_ANONYMOUS_TEAM: 'My team',
    LOG_LEVEL: 'info',
  });
});

test('the data folder: the flag, else TOLLGATE_HOME, else .tollgate here', () => {
  expect(startConfig({ TOLLGATE_HOME: '/a' }, { dataFolder: '/b' }).home.folder).toBe('/b');
  expect(startConfig({ TOLLGATE_HOME: '/a' }, {}).home.folder).toBe('/a');
  expect(startConfig({}, {}).home.folder).toBe(`${process.cwd()}/.tollgate`);
});

test('an address that is none is refused by the name of its flag', () => {
  expect(() => startConfig({}, { listen: 'everywhere' })).toThrow(/^--listen: must be host:port/);
});

test('the policy is the one that is named, wherever one stands, or that of the data folder', () => {
  const file = (env: Record<string, string>, flags = {}) => startConfig(env, flags).policyFile;
  expect(file({})).toBeNull();
  expect(file({ GATEWAY_POLICY_CONFIG: '/a.yaml' })).toBe('/a.yaml');
  expect(file({ GATEWAY_POLICY_CONFIG: '/a.yaml' }, { policyConfig: 'b.yaml' })).toBe(resolve('b.yaml'));
});
