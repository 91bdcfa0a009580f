import { createServer } from 'node:net';
import { freePort } from '@tollgate/database/embedded';
import { type PartName, SERVICES } from '../stack/environment.ts';
import { StartError } from './errors.ts';

/** The same at each start, so that what is set up in clients stays right. */
const PORTS: Readonly<Record<PartName, number>> = {
  gateway: 41_002,
  directory: 41_010,
  audit: 41_011,
  chargeback: 41_012,
  budgets: 41_013,
  'databricks-sync': 41_014,
  'simulated-databricks': 41_020,
};
/** The highest that leaves every port below 65,536. */
export const MAX_PORT_OFFSET = 24_000;
const PROBE_TIMEOUT_MS = 1_000;

export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Where each part listens. */
export type Addresses = Readonly<Record<PartName, Address>>;

export interface PortWish {
  /** Where the gateway is to listen, instead of its usual port of 127.0.0.1. */
  readonly listen: Address | null;
  /** Added to every usual port. */
  readonly offset: number;
  /** Any free ports instead of the usual ones. */
  readonly free: boolean;
}

const LOOPBACK = '127.0.0.1';

export async function chooseAddresses(wish: PortWish): Promise<Addresses> {
  const chosen: Partial<Record<PartName, Address>> = {};
  for (const name of ['simulated-databricks', ...SERVICES] as const) {
    const port = wish.free ? await freePort() : PORTS[name] + wish.offset;
    chosen[name] = { host: LOOPBACK, port };
  }
  if (wish.listen !== null) chosen.gateway = wish.listen;
  return chosen as Addresses;
}

export function textOf({ host, port }: Address): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}

/** How a client on this machine reaches it. */
export function urlOf({ host, port }: Address): string {
  const reached = host === '0.0.0.0' ? LOOPBACK : host === '::' ? '::1' : host;
  return `http://${textOf({ host: reached, port })}`;
}

/** @throws StartError `port-taken` which names every one that is, and who seems to be there */
export async function assertFree(addresses: Partial<Addresses>): Promise<void> {
  const taken: string[] = [];
  for (const [name, address] of Object.entries(addresses)) {
    const why = await refusal(address);
    if (why === null) continue;
    const who = why === 'EADDRINUSE' ? `is taken by ${await whoIs(address)}` : `can't be had (${why})`;
    taken.push(`${textOf(address)} (${name}) ${who}`);
  }
  if (taken.length === 0) return;
  throw new StartError(
    'port-taken',
    `${taken.join(', ')}: end what runs there, or start with --port-offset 100 to take other ports`,
  );
}

/** Why nobody can listen there now, as the system says it; null where one can. */
function refusal({ host, port }: Address): Promise<string | null> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.on('error', (error) => resolve(String(Reflect.get(error, 'code'))));
    probe.listen(port, host, () => probe.close(() => resolve(null)));
  });
}

async function whoIs(address: Address): Promise<string> {
  try {
    const response = await fetch(`${urlOf(address)}/healthz`, {
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    const answer: unknown = await response.json();
    if (typeof answer === 'object' && answer !== null && Reflect.get(answer, 'status') === 'ok') {
      return 'what looks like another Tollgate';
    }
  } catch {
    // Whoever it is speaks something else.
  }
  return 'another program';
}
