import { join } from 'node:path';
import type { StackBus } from './stack-bus.ts';

/** The services of a whole Tollgate. */
export const SERVICES = [
  'directory',
  'audit',
  'chargeback',
  'budgets',
  'databricks-sync',
  'gateway',
] as const;
export type ServiceName = (typeof SERVICES)[number];
/** Something for each service. */
export function byService<T>(of: (name: ServiceName) => T): Record<ServiceName, T> {
  return Object.fromEntries(SERVICES.map((name) => [name, of(name)])) as Record<ServiceName, T>;
}

/** With what stands for Databricks. */
export type PartName = ServiceName | 'simulated-databricks';

export interface EnvironmentOptions {
  /** Each service keeps what it keeps in a folder of its own here, and the first token lies here. */
  readonly folder: string;
  /** `host:port` of each. */
  readonly addresses: Readonly<Record<ServiceName, string>>;
  readonly bus: StackBus;
  /** By schema. */
  readonly databaseUrls: Readonly<Record<string, string>>;
  readonly gateway: {
    readonly instance: string;
    readonly policyFile: string;
    /** Of the gateway's own token for the other services. */
    readonly tokenFile: string;
  };
  /** Where models are served: what the gateway reads `DATABRICKS_HOST` and `DATABRICKS_TOKEN` from. */
  readonly upstream: Readonly<Record<string, string>>;
  /** The SQL warehouse that is delivered to, as `DATABRICKS_HTTP_PATH` and what belongs to it; a file unless given. */
  readonly warehouse?: Readonly<Record<string, string>>;
}

/** Where the directory writes its first token. */
export function bootstrapTokenFile(folder: string): string {
  return join(folder, 'bootstrap-token');
}

/** Where the gateway's own token is. */
export function gatewayTokenFile(folder: string): string {
  return join(folder, 'gateway-token');
}

/** Where the stand-in for a lakehouse is. */
export function lakehouseFile(folder: string): string {
  return join(folder, 'databricks-sync', 'lakehouse.duckdb');
}

function schemaOf(name: ServiceName): string {
  return name.replaceAll('-', '_');
}

/** How each service of a whole Tollgate is configured, whether it runs in this process or in one of its own. */
export function serviceEnvironment(options: EnvironmentOptions): Record<ServiceName, Record<string, string>> {
  const { folder, addresses, bus, databaseUrls, gateway } = options;
  const service = (name: ServiceName, extra: Record<string, string>) => ({
    ...bus.environmentOf(databaseUrls[schemaOf(name)] ?? ''),
    DATABASE_URL: databaseUrls[schemaOf(name)] ?? '',
    LISTEN: addresses[name],
    ...extra,
  });
  return {
    directory: service('directory', { TOLLGATE_BOOTSTRAP_TOKEN_FILE: bootstrapTokenFile(folder) }),
    audit: service('audit', {
      AUDIT_ARCHIVE_FOLDER: join(folder, 'audit', 'archive'),
      AUDIT_VAULT_VERIFY_FOLDERS: [join(folder, 'postgres'), join(folder, 'gateway', 'spool')].join(','),
    }),
    chargeback: service('chargeback', {}),
    budgets: service('budgets', {}),
    'databricks-sync': service('databricks-sync', {
      DATABRICKS_SYNC_DUCKDB_FILE: lakehouseFile(folder),
      ...options.warehouse,
    }),
    gateway: {
      ...bus.environmentOf(null),
      ...options.upstream,
      LISTEN: addresses.gateway,
      GATEWAY_POLICY_CONFIG: gateway.policyFile,
      GATEWAY_SPOOL_FOLDER: join(folder, 'gateway', 'spool'),
      GATEWAY_INSTANCE: gateway.instance,
      TOLLGATE_DIRECTORY_URL: `http://${addresses.directory}`,
      TOLLGATE_AUDIT_URL: `http://${addresses.audit}`,
      TOLLGATE_BUDGETS_URL: `http://${addresses.budgets}`,
      TOLLGATE_TOKEN_FILE: gateway.tokenFile,
    },
  };
}
