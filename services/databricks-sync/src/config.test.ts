import { describe, expect, it } from 'vitest';
import { readDatabricksSyncConfig, readTargetConfig } from './config.ts';

const SERVICE = { DATABASE_URL: 'postgres://a@b/c', KAFKA_BROKERS: 'localhost:9092' };
const WAREHOUSE = {
  DATABRICKS_HTTP_PATH: '/sql/1.0/warehouses/abc',
  DATABRICKS_HOST: 'adb-1.2.azuredatabricks.net',
  DATABRICKS_TOKEN: 'dapi',
};

describe('the configuration of the delivery', () => {
  it('is a file that is written at once, until a warehouse is named', () => {
    expect(
      readDatabricksSyncConfig({
        ...SERVICE,
        DATABRICKS_HOST: WAREHOUSE.DATABRICKS_HOST,
        DATABRICKS_TOKEN: 'dapi',
      }),
    ).toMatchObject({
      targetConfig: { kind: 'duckdb-file', file: './data/databricks-sync/lakehouse.duckdb' },
      maxStalenessMs: 500,
      listen: { port: 41014 },
    });
  });

  it('is a warehouse that is left to sleep for a minute', () => {
    expect(readDatabricksSyncConfig({ ...SERVICE, ...WAREHOUSE })).toMatchObject({
      targetConfig: {
        kind: 'databricks-sql',
        address: { host: 'adb-1.2.azuredatabricks.net', port: 443, path: '/sql/1.0/warehouses/abc' },
        credential: { token: 'dapi' },
        namespace: { catalog: 'main', schema: 'tollgate' },
        createTables: true,
      },
      maxStalenessMs: 60_000,
    });
  });

  it('takes host and port, with or without https, and a service principal before a token', () => {
    const oauth = { DATABRICKS_CLIENT_ID: 'id', DATABRICKS_CLIENT_SECRET: 'secret' };
    for (const host of ['127.0.0.1:8443', 'https://127.0.0.1:8443/']) {
      expect(readTargetConfig({ ...WAREHOUSE, ...oauth, DATABRICKS_HOST: host })).toMatchObject({
        address: { host: '127.0.0.1', port: 8443 },
        credential: { oauth: { clientId: 'id', clientSecret: 'secret' } },
      });
    }
  });

  it.each([
    [{ DATABRICKS_HOST: undefined }, /^DATABRICKS_HOST: is not set/],
    [{ DATABRICKS_HOST: 'http://plain' }, /^DATABRICKS_HOST: must be host/],
    [{ DATABRICKS_HOST: 'host/path' }, /^DATABRICKS_HOST: must be host/],
    [{ DATABRICKS_TOKEN: undefined }, /^DATABRICKS_TOKEN: is not set/],
    [{ DATABRICKS_CLIENT_ID: 'id' }, /^DATABRICKS_CLIENT_SECRET: is not set/],
    [{ DATABRICKS_CLIENT_SECRET: 's' }, /^DATABRICKS_CLIENT_ID: is not set/],
    [{ DATABRICKS_HTTP_PATH: 'warehouses' }, /^DATABRICKS_HTTP_PATH: must be the path/],
    [{ DATABRICKS_CATALOG: 'main`; DROP' }, /^DATABRICKS_CATALOG: must be letters/],
    [{ DATABRICKS_SCHEMA: '1st' }, /^DATABRICKS_SCHEMA: must be letters/],
    [{ DATABRICKS_SYNC_MAX_BATCH_ROWS: '0' }, /^DATABRICKS_SYNC_MAX_BATCH_ROWS: must be a whole number/],
  ])('stops the start with one line that names the variable: %j', (change, line) => {
    expect(() => readDatabricksSyncConfig({ ...SERVICE, ...WAREHOUSE, ...change })).toThrow(line);
  });
});
