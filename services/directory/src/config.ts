import { busConfig } from '@tollgate/bus';
import { type Environment, listenAddress, readConfig, wholeNumber } from '@tollgate/http';
import { LOG_LEVELS } from '@tollgate/telemetry';
import { z } from 'zod';

const DEFAULT_TOKEN_FILE = './data/directory/bootstrap-token';
const MAX_GRANT_HOURS = 24 * 365;
const DEFAULT_GRANT_HOURS = 72;
const MS_PER_HOUR = 3_600_000;

const environment = z.object({
  /** Under the service's own role. */
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\/\S+$/, 'must be postgres://role:password@host:port/database'),
  LISTEN: listenAddress.default({ host: '0.0.0.0', port: 41_010 }),
  /** Where the first token is written. */
  TOLLGATE_BOOTSTRAP_TOKEN_FILE: z.string().default(DEFAULT_TOKEN_FILE),
  /** The longest that a role can be granted for. */
  DIRECTORY_MAX_GRANT_HOURS: wholeNumber(1, MAX_GRANT_HOURS).default(DEFAULT_GRANT_HOURS),
  LOG_LEVEL: z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`).default('info'),
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
    databaseUrl: values.DATABASE_URL,
    listen: values.LISTEN,
    bootstrapTokenFile: values.TOLLGATE_BOOTSTRAP_TOKEN_FILE,
    maxGrantMs: values.DIRECTORY_MAX_GRANT_HOURS * MS_PER_HOUR,
    logLevel: values.LOG_LEVEL,
    bus: readConfig(busConfig, env),
  };
}
