import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { StackBus } from './stack-bus.ts';

export type ServiceName = 'simulated-databricks' | 'directory' | 'audit' | 'chargeback' | 'gateway';

export interface EnvironmentOptions {
  readonly folder: string;
  readonly ports: Readonly<Record<ServiceName, number>>;
  readonly bus: StackBus;
  /** By schema. */
  readonly databaseUrls: Readonly<Record<string, string>>;
  readonly upstreamLatencyMs: number;
}

/** How each service of a stack is started: what stands after `tollgate`, and its environment. */
export function serviceEnvironment(
  options: EnvironmentOptions,
): Record<ServiceName, { args: string[]; env: Record<string, string> }> {
  const { folder, ports, bus, databaseUrls } = options;
  const upstreamToken = `simulated-${randomBytes(12).toString('hex')}`;
  const at = (name: ServiceName) => `127.0.0.1:${ports[name]}`;
  const base = {
    PATH: process.env['PATH'] ?? '',
    NODE_ENV: 'production',
    LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'info',
  };
  const state = (name: ServiceName) => join(folder, name);
  const tokenFile = join(folder, 'bootstrap-token');
  const service = (name: ServiceName, extra: Record<string, string>) => ({
    args: [name, 'run'],
    env: {
      ...base,
      ...bus.environmentOf(databaseUrls[name] ?? ''),
      DATABASE_URL: databaseUrls[name] ?? '',
      LISTEN: at(name),
      ...extra,
    },
  });
  return {
    'simulated-databricks': {
      args: [
        'simulated-databricks',
        'run',
        '--listen',
        at('simulated-databricks'),
        '--latency-ms',
        String(options.upstreamLatencyMs),
      ],
      env: { ...base, DATABRICKS_TOKEN: upstreamToken },
    },
    directory: service('directory', { TOLLGATE_BOOTSTRAP_TOKEN_FILE: tokenFile }),
    audit: service('audit', { AUDIT_ARCHIVE_FOLDER: join(state('audit'), 'archive') }),
    chargeback: service('chargeback', {}),
    gateway: {
      args: [
        'gateway',
        'run',
        '--listen',
        at('gateway'),
        '--policy-config',
        join(folder, 'policy-config.yaml'),
      ],
      env: {
        ...base,
        ...bus.environmentOf(null),
        DATABRICKS_TOKEN: upstreamToken,
        GATEWAY_SPOOL_FOLDER: join(state('gateway'), 'spool'),
        GATEWAY_INSTANCE: 'replay-1',
        TOLLGATE_DIRECTORY_URL: `http://${at('directory')}`,
        TOLLGATE_AUDIT_URL: `http://${at('audit')}`,
        TOLLGATE_TOKEN_FILE: tokenFile,
      },
    },
  };
}
