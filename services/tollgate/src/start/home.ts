import { chmodSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { gatewayTokenFile } from '../stack/environment.ts';

/** Where a Tollgate on this machine keeps everything. */
export interface Home {
  readonly folder: string;
  readonly postgres: string;
  readonly log: string;
  /** Written at the first start, then its owner's to edit. */
  readonly policy: string;
  /** An API key for the gateway, for a first look. */
  readonly demoKey: string;
  /** The same as an HTTP header, which `curl -H @file` reads: so it shows neither on screens nor in lists of processes. */
  readonly demoKeyHeader: string;
  /** The token of whoever owns this folder, for the services' APIs. */
  readonly ownerToken: string;
  readonly ownerTokenHeader: string;
  /** The gateway's own token for the other services. */
  readonly gatewayToken: string;
  /** How a command finds the Tollgate that runs. */
  readonly connection: string;
}

export const DEFAULT_HOME = '.tollgate';
export const CONNECTION_FILE = 'connection.json';

const OWNER_ONLY = 0o700;
const OTHERS_PASS_THROUGH = 0o711;

export function homeAt(path: string): Home {
  const folder = resolve(path);
  return {
    folder,
    postgres: join(folder, 'postgres'),
    log: join(folder, 'logs', 'tollgate.log'),
    policy: join(folder, 'policy-config.yaml'),
    demoKey: join(folder, 'demo-key'),
    demoKeyHeader: join(folder, 'demo-key.header'),
    ownerToken: join(folder, 'owner-token'),
    ownerTokenHeader: join(folder, 'owner-token.header'),
    gatewayToken: gatewayTokenFile(folder),
    connection: join(folder, CONNECTION_FILE),
  };
}

/** Makes the folders, for their owner alone. */
export function prepareHome(home: Home): void {
  mkdirSync(home.folder, { recursive: true, mode: OWNER_ONLY });
  // The embedded Postgres runs as another account where this one is root: it has to pass through.
  chmodSync(home.folder, process.getuid?.() === 0 ? OTHERS_PASS_THROUGH : OWNER_ONLY);
  for (const name of ['logs', 'gateway'])
    mkdirSync(join(home.folder, name), { recursive: true, mode: OWNER_ONLY });
}
