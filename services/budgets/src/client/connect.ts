import { type Environment, readConfig, ServiceClient } from '@tollgate/http';
import { z } from 'zod';

const environment = z.object({
  TOLLGATE_BUDGETS_URL: z
    .url('must be a URL, such as http://127.0.0.1:41013')
    .default('http://127.0.0.1:41013'),
  TOLLGATE_TOKEN: z.string('is not set: give it, or TOLLGATE_TOKEN_FILE').min(1),
});

/**
 * A client of the service at TOLLGATE_BUDGETS_URL, with TOLLGATE_TOKEN (or TOLLGATE_TOKEN_FILE).
 *
 * @throws ConfigError
 */
export function connect(env: Environment): ServiceClient {
  const values = readConfig(environment, env);
  return new ServiceClient({ baseUrl: values.TOLLGATE_BUDGETS_URL, token: values.TOLLGATE_TOKEN });
}
