import { z } from 'zod';
import { type Environment, readConfig } from '../process/read-config.ts';
import { ServiceClient } from './service-client.ts';

/**
 * The client of a service for a command: at the address of a variable such as TOLLGATE_BUDGETS_URL, with
 * TOLLGATE_TOKEN (or TOLLGATE_TOKEN_FILE).
 *
 * @param defaultPort of this machine, where the variable is not set
 * @param timeoutMs of one call; the client's own unless given
 * @throws ConfigError
 */
export function configuredClient(
  env: Environment,
  variable: string,
  defaultPort: number,
  timeoutMs?: number,
): ServiceClient {
  const otherwise = `http://127.0.0.1:${defaultPort}`;
  const values = readConfig(
    z.object({
      [variable]: z.url(`must be a URL, such as ${otherwise}`).default(otherwise),
      TOLLGATE_TOKEN: z.string('is not set: give it, or TOLLGATE_TOKEN_FILE').min(1),
    }),
    env,
  );
  return new ServiceClient({
    baseUrl: String(values[variable]),
    token: String(values['TOLLGATE_TOKEN']),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
  });
}
