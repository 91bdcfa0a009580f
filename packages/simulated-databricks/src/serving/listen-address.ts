import type { Server } from 'node:http';
import { SimulatedDatabricksError } from '../errors.ts';

export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

const MAX_PORT = 65_535;

/** Reads `host:port` (IPv6 in brackets). Throws `bad-listen-address`. */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[(?<six>[0-9a-fA-F:]+)\]|(?<host>[^:[\]]+)):(?<port>\d{1,5})$/.exec(text);
  const host = match?.groups?.['six'] ?? match?.groups?.['host'];
  const port = Number(match?.groups?.['port']);
  if (host === undefined || !(port <= MAX_PORT)) {
    throw new SimulatedDatabricksError(
      'bad-listen-address',
      `"${text}": give host:port, for example 127.0.0.1:41020.`,
    );
  }
  return { host, port };
}

/** The URL under which a server bound to `host` is reached from this machine. */
export function urlOf(host: string, port: number): string {
  const reachable = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  return `http://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

/** Listens; throws `bad-listen-address` where the address is taken or not ours. */
export function bind(server: Server, { host, port }: ListenAddress): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error): void =>
      reject(
        new SimulatedDatabricksError(
          'bad-listen-address',
          `Can't listen on ${host}:${port}: ${error.message}.`,
          {
            cause: error,
          },
        ),
      );
    server.once('error', fail);
    server.listen({ host, port, backlog: 1_024 }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}
