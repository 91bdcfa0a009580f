import {
  ConfigError,
  type Environment,
  flag,
  readConfig,
  type ServiceConfig,
  serviceConfigOf,
  serviceVariables,
  wholeNumber,
} from '@tollgate/http';
import { z } from 'zod';
import { isSafeName } from './target/databricks/databricks-sql.ts';
import type { DatabricksTargetOptions, WarehouseCredential } from './target/databricks/databricks-target.ts';

/** Where rows are delivered to. */
export type TargetConfig =
  | ({ readonly kind: 'databricks-sql' } & DatabricksTargetOptions)
  | { readonly kind: 'duckdb-file'; readonly file: string };

export interface DatabricksSyncConfig extends ServiceConfig {
  readonly targetConfig: TargetConfig;
  readonly maxStalenessMs: number;
  readonly maxBatchRows: number;
  readonly maxBatchBytes: number;
  readonly deliveryDeadlineMs: number;
}

const HTTPS_PORT = 443;
/** A warehouse that is woken for each row costs money; a file does not. */
const DEFAULT_STALENESS_MS = { 'databricks-sql': 60_000, 'duckdb-file': 500 } as const;
const MAX_STALENESS_MS = 86_400_000;
const MAX_BATCH_ROWS = 10_000;
const MIN_BATCH_BYTES = 1_024;
const MAX_BATCH_BYTES = 8 * 1024 * 1024;
const MAX_DEADLINE_MS = 900_000;

const name = z
  .string()
  .refine(isSafeName, 'must be letters, digits, _ and -, not beginning with a digit, up to 128');

const targetVariables = {
  DATABRICKS_HOST: z.string().optional(),
  DATABRICKS_HTTP_PATH: z
    .string()
    .regex(
      /^\/[A-Za-z0-9._~/?=&-]+$/,
      'must be the path of a SQL warehouse, such as /sql/1.0/warehouses/abc123',
    )
    .optional(),
  DATABRICKS_TOKEN: z.string().optional(),
  DATABRICKS_CLIENT_ID: z.string().optional(),
  DATABRICKS_CLIENT_SECRET: z.string().optional(),
  DATABRICKS_CATALOG: name.default('main'),
  DATABRICKS_SCHEMA: name.default('tollgate'),
  /** Whether the service makes tables that are missing; else `tollgate databricks init` does. */
  DATABRICKS_SYNC_CREATE_TABLES: flag.default(true),
  /** The stand-in, used while no warehouse is named. */
  DATABRICKS_SYNC_DUCKDB_FILE: z.string().default('./data/databricks-sync/lakehouse.duckdb'),
} as const;

const targetSchema = z.object(targetVariables);

const environment = z.object({
  ...serviceVariables(41014),
  ...targetVariables,
  DATABRICKS_SYNC_MAX_STALENESS_MS: wholeNumber(0, MAX_STALENESS_MS).optional(),
  DATABRICKS_SYNC_MAX_BATCH_ROWS: wholeNumber(1, MAX_BATCH_ROWS).default(5_000),
  DATABRICKS_SYNC_MAX_BATCH_BYTES: wholeNumber(MIN_BATCH_BYTES, MAX_BATCH_BYTES).default(4 * 1024 * 1024),
  /** How long one delivery may take; a stopped warehouse needs minutes to start. */
  DATABRICKS_SYNC_DEADLINE_MS: wholeNumber(1_000, MAX_DEADLINE_MS).default(600_000),
});

/** @throws ConfigError one line that names the variable */
export function readDatabricksSyncConfig(env: Environment): DatabricksSyncConfig {
  const values = readConfig(environment, env);
  const targetConfig = targetOf(values);
  return {
    ...serviceConfigOf(values, env),
    targetConfig,
    maxStalenessMs: values.DATABRICKS_SYNC_MAX_STALENESS_MS ?? DEFAULT_STALENESS_MS[targetConfig.kind],
    maxBatchRows: values.DATABRICKS_SYNC_MAX_BATCH_ROWS,
    maxBatchBytes: values.DATABRICKS_SYNC_MAX_BATCH_BYTES,
    deliveryDeadlineMs: values.DATABRICKS_SYNC_DEADLINE_MS,
  };
}

/** The target alone, for commands. @throws ConfigError */
export function readTargetConfig(env: Environment): TargetConfig {
  return targetOf(readConfig(targetSchema, env));
}

/** Catalog and schema alone, which is all that printing the DDL needs. @throws ConfigError */
export function readNamespace(env: Environment): DatabricksTargetOptions['namespace'] {
  const { DATABRICKS_CATALOG, DATABRICKS_SCHEMA } = readConfig(
    z.object({
      DATABRICKS_CATALOG: targetVariables.DATABRICKS_CATALOG,
      DATABRICKS_SCHEMA: targetVariables.DATABRICKS_SCHEMA,
    }),
    env,
  );
  return { catalog: DATABRICKS_CATALOG, schema: DATABRICKS_SCHEMA };
}

type TargetValues = z.output<typeof targetSchema>;

/** The path of a warehouse is what asks for one: host and token alone are for serving models. */
function targetOf(values: TargetValues): TargetConfig {
  const path = values.DATABRICKS_HTTP_PATH;
  if (path === undefined) return { kind: 'duckdb-file', file: values.DATABRICKS_SYNC_DUCKDB_FILE };
  return {
    kind: 'databricks-sql',
    address: { ...hostAndPort(values.DATABRICKS_HOST), path },
    credential: credentialOf(values),
    namespace: { catalog: values.DATABRICKS_CATALOG, schema: values.DATABRICKS_SCHEMA },
    createTables: values.DATABRICKS_SYNC_CREATE_TABLES,
  };
}

function hostAndPort(text: string | undefined): { host: string; port: number } {
  if (text === undefined) throw new ConfigError('DATABRICKS_HOST', 'is not set, but DATABRICKS_HTTP_PATH is');
  const url = URL.parse(text.includes('://') ? text : `https://${text}`);
  const plain =
    url !== null && url.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  if (!plain || url.protocol !== 'https:') {
    throw new ConfigError(
      'DATABRICKS_HOST',
      'must be host or host:port of a workspace, such as adb-1.2.azuredatabricks.net; a warehouse is reached by https',
    );
  }
  return { host: url.hostname, port: url.port === '' ? HTTPS_PORT : Number(url.port) };
}

function credentialOf(values: TargetValues): WarehouseCredential {
  const {
    DATABRICKS_TOKEN: token,
    DATABRICKS_CLIENT_ID: clientId,
    DATABRICKS_CLIENT_SECRET: clientSecret,
  } = values;
  if (clientId !== undefined && clientSecret !== undefined) return { oauth: { clientId, clientSecret } };
  if (clientId !== undefined)
    throw new ConfigError('DATABRICKS_CLIENT_SECRET', 'is not set, but the client id is');
  if (clientSecret !== undefined) {
    throw new ConfigError('DATABRICKS_CLIENT_ID', 'is not set, but the client secret is');
  }
  if (token !== undefined) return { token };
  throw new ConfigError(
    'DATABRICKS_TOKEN',
    'is not set, nor are DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET: a warehouse needs either',
  );
}
