import { resolve } from 'node:path';
import { ConfigError, type Environment, listenAddress, logLevel, readConfig } from '@tollgate/http';
import { z } from 'zod';
import { DEFAULT_HOME, type Home, homeAt } from './home.ts';
import type { PortWish } from './ports.ts';

/** What was given on the command line. */
export interface StartFlags {
  readonly dataFolder?: string;
  readonly listen?: string;
  readonly policyConfig?: string;
  readonly portOffset?: number;
  readonly freePorts?: true;
  readonly anonymousTeam?: string;
  readonly json?: true;
}

const environment = z.object({
  /** `--data-folder` wins. */
  TOLLGATE_HOME: z.string().default(DEFAULT_HOME),
  /** `--policy-config` wins. */
  GATEWAY_POLICY_CONFIG: z.string().optional(),
  DATABRICKS_HOST: z.string().optional(),
  DATABRICKS_TOKEN: z.string().optional(),
  DATABRICKS_CLIENT_ID: z.string().optional(),
  DATABRICKS_CLIENT_SECRET: z.string().optional(),
  DATABRICKS_HTTP_PATH: z.string().optional(),
  LOG_LEVEL: logLevel.default('info'),
});

/** What decides where services are and what they keep; a Tollgate on one machine decides that by itself. */
const OURS_TO_SAY = /^(KAFKA_|TOLLGATE_|DATABASE_|LISTEN|DATABRICKS_(?!SYNC_))/;
/** How a workspace is reached; secrets in files stay there, so that they can be replaced while everything runs. */
const OF_WORKSPACE = /^DATABRICKS_(TOKEN|CLIENT_ID|CLIENT_SECRET)(_FILE|_ISSUED_AT)?$/;
const OF_DATABRICKS = /^DATABRICKS_(?!SYNC_)/;

/** The variables that say where a workspace is and how it is reached. */
export interface WorkspaceVariables {
  readonly [variable: string]: string;
  readonly DATABRICKS_HOST: string;
}

export interface StartConfig {
  readonly home: Home;
  /** The policy that is served; null: the one of the data folder. */
  readonly policyFile: string | null;
  readonly ports: PortWish;
  /** The workspace that models are served from; null: a simulated one. */
  readonly databricks: WorkspaceVariables | null;
  /** Of the SQL warehouse that is delivered to; null: a file stands in for it. */
  readonly warehouse: Readonly<Record<string, string>> | null;
  /** Settings of single services, such as `GATEWAY_MAX_IN_FLIGHT`, and what a policy's secrets are read from. */
  readonly passedOn: Readonly<Record<string, string>>;
}

/** @throws ConfigError one line that names the variable */
export function startConfig(env: Environment, flags: StartFlags): StartConfig {
  const values = readConfig(environment, env);
  const policyFile = flags.policyConfig ?? values.GATEWAY_POLICY_CONFIG;
  return {
    home: homeAt(flags.dataFolder ?? values.TOLLGATE_HOME),
    policyFile: policyFile === undefined ? null : resolve(policyFile),
    ports: {
      listen: flags.listen === undefined ? null : listenOf(flags.listen),
      offset: flags.portOffset ?? 0,
      free: flags.freePorts === true,
    },
    databricks: databricksOf(values, env),
    warehouse:
      values.DATABRICKS_HTTP_PATH === undefined ? null : chosen(env, (name) => OF_DATABRICKS.test(name)),
    passedOn: {
      ...chosen(env, (name) => !OURS_TO_SAY.test(name)),
      LOG_LEVEL: values.LOG_LEVEL,
      ...(flags.anonymousTeam === undefined ? {} : { GATEWAY_ANONYMOUS_TEAM: flags.anonymousTeam }),
    },
  };
}

function chosen(env: Environment, isChosen: (name: string) => boolean): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) =>
      value === undefined || !isChosen(name) ? [] : [[name, value]],
    ),
  );
}

function listenOf(text: string): { host: string; port: number } {
  const parsed = listenAddress.safeParse(text);
  if (parsed.success) return parsed.data;
  throw new ConfigError('--listen', parsed.error.issues[0]?.message ?? 'must be host:port');
}

/** Both or none: half of it is a mistake that must not end in a bill for nothing, or in made-up answers. */
function databricksOf(values: z.output<typeof environment>, env: Environment): WorkspaceVariables | null {
  const { DATABRICKS_HOST, DATABRICKS_TOKEN, DATABRICKS_CLIENT_ID, DATABRICKS_CLIENT_SECRET } = values;
  const byPrincipal = { DATABRICKS_CLIENT_ID, DATABRICKS_CLIENT_SECRET };
  const given = Object.entries({ DATABRICKS_TOKEN, ...byPrincipal }).find(([, value]) => value !== undefined);
  if (DATABRICKS_HOST === undefined) {
    if (given === undefined) return null;
    throw new ConfigError(
      'DATABRICKS_HOST',
      `is not set, but ${given[0]} is: set both, or none for a simulated workspace`,
    );
  }
  if (given === undefined) {
    throw new ConfigError(
      'DATABRICKS_TOKEN',
      'is not set, but DATABRICKS_HOST is: set both (or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET), or none for a simulated workspace',
    );
  }
  const half = Object.values(byPrincipal).filter((value) => value !== undefined).length === 1;
  if (half) {
    const missing = DATABRICKS_CLIENT_ID === undefined ? 'DATABRICKS_CLIENT_ID' : 'DATABRICKS_CLIENT_SECRET';
    throw new ConfigError(missing, 'is not set, but the other half of the service principal is');
  }
  return { ...chosen(env, (name) => OF_WORKSPACE.test(name)), DATABRICKS_HOST };
}
