import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { byService, gatewayTokenFile, type PartName, serviceEnvironment } from './environment.ts';
import type { StackBus } from './stack-bus.ts';

/** What stands after `tollgate`, and the whole environment. */
export interface ServiceCommand {
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

const UPSTREAM_TOKEN_BYTES = 12;

/** How each part of a stack is run as a process of its own. */
export function serviceCommands(options: {
  readonly folder: string;
  readonly ports: Readonly<Record<PartName, number>>;
  readonly bus: StackBus;
  readonly databaseUrls: Readonly<Record<string, string>>;
  /** How long the simulated upstream waits before each answer. */
  readonly latencyMs: number;
}): Record<PartName, ServiceCommand> {
  const { folder, ports, latencyMs } = options;
  const upstream = {
    DATABRICKS_TOKEN: `simulated-${randomBytes(UPSTREAM_TOKEN_BYTES).toString('hex')}`,
  };
  const at = (name: PartName) => `127.0.0.1:${ports[name]}`;
  const environment = serviceEnvironment({
    ...options,
    addresses: byService(at),
    gateway: {
      instance: 'replay-1',
      policyFile: join(folder, 'policy-config.yaml'),
      tokenFile: gatewayTokenFile(folder),
    },
    upstream,
  });
  const base = {
    PATH: process.env['PATH'] ?? '',
    NODE_ENV: 'production',
    LOG_LEVEL: process.env['LOG_LEVEL'] ?? 'info',
  };
  return {
    'simulated-databricks': {
      args: [
        'simulated-databricks',
        'run',
        '--listen',
        at('simulated-databricks'),
        '--latency-ms',
        String(latencyMs),
      ],
      env: { ...base, ...upstream },
    },
    ...byService((name) => ({ args: [name, 'run'], env: { ...base, ...environment[name] } })),
  };
}
