import { type Environment, readConfig, serviceConfigOf, serviceVariables, wholeNumber } from '@tollgate/http';
import { z } from 'zod';

const DEFAULT_TOKEN_FILE = './data/directory/bootstrap-token';
const MAX_GRANT_HOURS = 24 * 365;
const DEFAULT_GRANT_HOURS = 72;
const MS_PER_HOUR = 3_600_000;

const environment = z.object({
  ...serviceVariables(41_010),
  /** Where the first token is written. */
  TOLLGATE_BOOTSTRAP_TOKEN_FILE: z.string().default(DEFAULT_TOKEN_FILE),
  /** The longest that a role can be granted for. */
  DIRECTORY_MAX_GRANT_HOURS: wholeNumber(1, MAX_GRANT_HOURS).default(DEFAULT_GRANT_HOURS),
});

export type DirectoryConfig = ReturnType<typeof readDirectoryConfig>;

/**
 * The service's configuration from environment variables; each can also be given as `*_FILE`.
 *
 * @throws ConfigError one line that names the variable
 */
export function readDirectoryConfig(env: Environment) {
  const values = readConfig(environment, env);
  return {
    ...serviceConfigOf(values, env),
    bootstrapTokenFile: values.TOLLGATE_BOOTSTRAP_TOKEN_FILE,
    maxGrantMs: values.DIRECTORY_MAX_GRANT_HOURS * MS_PER_HOUR,
  };
}
