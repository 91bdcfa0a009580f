import { busConfig } from '@tollgate/bus';
import { ConfigError, type Environment, flag, listenAddress, readConfig, wholeNumber } from '@tollgate/http';
import { PayloadSealingError, readSealingKey } from '@tollgate/payload-sealing';
import { LOG_LEVELS } from '@tollgate/telemetry';
import { z } from 'zod';
import type { GatewayOptions } from './app.ts';
import { ALGORITHMS, type OidcSettings } from './callers/oidc/identity-provider.ts';

const MIB = 1 << 20;
const MAX_SECONDS = 86_400;
const DAY_MS = 86_400_000;

const seconds = (otherwise: number) => wholeNumber(1, MAX_SECONDS).default(otherwise);
const folder = z.string().min(1);

const sealingKey = z.string().refine(isSealingKey, 'must be the 32 bytes of an X25519 public key, in base64');

const environment = z.object({
  /** `--listen` wins. */
  LISTEN: listenAddress.optional(),
  /** `--policy-config` wins. */
  GATEWAY_POLICY_CONFIG: z.string().min(1).default('policy-config.yaml'),
  /** Events lie here until the bus has them, and for a while after; one gateway process per folder. */
  GATEWAY_SPOOL_FOLDER: folder.default('./data/gateway/spool'),
  /** Of all files of the spool; has to hold everything written during the longest outage of the bus, and request. */
  GATEWAY_SPOOL_MAX_BYTES: wholeNumber(64 * MIB, 1024 * 1024 * MIB).default(2048 * MIB),
  /** Published events are kept this long, and up to so many bytes, to be sent again if they did not arrive. */
  GATEWAY_SPOOL_RETAIN_SECONDS: seconds(3600),
  GATEWAY_SPOOL_RETAIN_BYTES: wholeNumber(0, 1024 * 1024 * MIB).default(256 * MIB),
  /** The instance's name in `/gateways/<instance>/<epoch>`; the spool folder keeps a random one otherwise. */
  GATEWAY_INSTANCE: z
    .string()
    .regex(/^[A-Za-z0-9._-]{1,64}$/, 'must be at most 64 letters, digits, dots, dashes and underscores')
    .optional(),
  /** The directory's state of the last run, so that the gateway starts while the bus is down. */
  GATEWAY_DIRECTORY_SNAPSHOT: z.string().min(1).optional(),
  GATEWAY_DIRECTORY_MAX_AGE_SECONDS: seconds(30),
  /** Name or id of the team that requests without a key are attributed to; `--anonymous-team` wins. */
  GATEWAY_ANONYMOUS_TEAM: z.string().min(1).max(200).optional(),
  /** That this is meant on addresses that others can reach; `--anonymous-anywhere` says the same. */
  GATEWAY_ANONYMOUS_CONFIRMED: flag.default(false),
  GATEWAY_MAX_BODY_BYTES: wholeNumber(1024, 1024 * MIB).default(16 * MIB),
  GATEWAY_MAX_ANSWER_BYTES: wholeNumber(1024, 1024 * MIB).default(64 * MIB),
  GATEWAY_MAX_IN_FLIGHT: wholeNumber(1, 1_000_000).default(10_000),
  GATEWAY_UPSTREAM_CONNECTIONS: wholeNumber(1, 100_000).default(10_000),
  GATEWAY_CONNECT_TIMEOUT_SECONDS: seconds(10),
  GATEWAY_FIRST_BYTE_TIMEOUT_SECONDS: seconds(300),
  GATEWAY_BETWEEN_CHUNKS_TIMEOUT_SECONDS: seconds(120),
  GATEWAY_CALLER_STALL_TIMEOUT_SECONDS: seconds(120),
  GATEWAY_TOTAL_TIMEOUT_SECONDS: seconds(600),
  /** The longest that a target is left alone because it asked for it, whatever it asked for. */
  GATEWAY_MAX_REST_SECONDS: seconds(60),
  /** When the circuit breaker of a target opens, and for how long: routing/breaker.ts. */
  GATEWAY_BREAKER_WINDOW_SECONDS: seconds(10),
  GATEWAY_BREAKER_MINIMUM_CALLS: wholeNumber(1, 1_000_000).default(20),
  GATEWAY_BREAKER_FAILURE_PERCENT: wholeNumber(1, 100).default(50),
  GATEWAY_BREAKER_CONSECUTIVE_FAILURES: wholeNumber(1, 1_000_000).default(5),
  GATEWAY_BREAKER_OPEN_SECONDS: seconds(5),
  GATEWAY_BREAKER_MAX_OPEN_SECONDS: seconds(60),
  /** How often targets with `health_probe` are looked at, and how long a look may take. */
  GATEWAY_PROBE_INTERVAL_SECONDS: seconds(10),
  GATEWAY_PROBE_TIMEOUT_SECONDS: seconds(5),
  GATEWAY_STOP_DEADLINE_SECONDS: seconds(20),
  /** The state of limits and prices of the last run. */
  GATEWAY_LIMITS_SNAPSHOT: z.string().min(1).optional(),
  GATEWAY_PRICES_SNAPSHOT: z.string().min(1).optional(),
  /** Sealed bodies lie here until the payload vault has them. */
  GATEWAY_PAYLOAD_SPOOL_FOLDER: folder.optional(),
  /** Of all its files; has to hold what is captured during the longest outage of the vault. */
  GATEWAY_PAYLOAD_SPOOL_MAX_BYTES: wholeNumber(16 * MIB, 1024 * 1024 * MIB).default(1024 * MIB),
  /** The most that is kept of one body; what is cut off is said. */
  GATEWAY_PAYLOAD_MAX_BYTES: wholeNumber(1024, 4 * MIB).default(MIB),
  /** The vault's public key, as `tollgate audit sealing-key` prints it; the vault is asked for it otherwise. */
  GATEWAY_PAYLOAD_SEALING_KEY: sealingKey.optional(),
  /** How long a request waits for a lease of a limit, and how many wait at once. */
  GATEWAY_BUDGET_WAIT_MS: wholeNumber(0, 60_000).default(2000),
  GATEWAY_BUDGET_MAX_WAITING: wholeNumber(0, 1_000_000).default(1000),
  /** `max_tokens` set upstream where a strict limit applies and the caller sent none. */
  GATEWAY_STRICT_MAX_TOKENS: wholeNumber(1, 1_000_000).default(1024),
  TOLLGATE_AUDIT_URL: z.url('must be a URL').optional(),
  TOLLGATE_BUDGETS_URL: z.url('must be a URL').optional(),
  TOLLGATE_DIRECTORY_URL: z.url('must be a URL').optional(),
  /** The gateway's own token for the audit service, the budgets service and the directory. */
  TOLLGATE_TOKEN: z.string().min(1).optional(),
  /** Lets people in by tokens of an OpenID provider, beside keys: what these have to name as `iss` and `aud`. */
  GATEWAY_OIDC_ISSUER: z.url('must be a URL').optional(),
  GATEWAY_OIDC_AUDIENCE: z.string().min(1).max(1024).optional(),
  /** Where the provider's keys are, unless as its configuration says. */
  GATEWAY_OIDC_JWKS_URL: z.url('must be a URL').optional(),
  GATEWAY_OIDC_ALGORITHMS: z
    .string()
    .transform((text) => text.split(',').map((name) => name.trim()))
    .pipe(z.array(z.enum(ALGORITHMS, `must be some of ${ALGORITHMS.join(', ')}, parted by commas`)).min(1))
    .default(['RS256', 'ES256']),
  GATEWAY_OIDC_CLOCK_SKEW_SECONDS: wholeNumber(0, 300).default(30),
  /** The claim that is the `external_subject` of a user. */
  GATEWAY_OIDC_USER_CLAIM: z.string().min(1).max(128).default('sub'),
  /** The claim that names the team, by id or name, of a user who has roles in several. */
  GATEWAY_OIDC_TEAM_CLAIM: z.string().min(1).max(128).optional(),
  /** How old the stored credential of an upstream may become before that is alarmed. */
  GATEWAY_CREDENTIAL_MAX_AGE_DAYS: wholeNumber(1, 3650).default(90),
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info'),
});

/** How long making a request's events safe may take. */
const RECORD_TIMEOUT_MS = 5000;

const DEFAULT_LISTEN = { host: '0.0.0.0', port: 41_002 };

export type GatewayConfig = ReturnType<typeof gatewayConfig>;

/** What was given on the command line. */
export interface GatewayFlags {
  readonly listen?: string | undefined;
  readonly policyConfig?: string | undefined;
  readonly anonymousTeam?: string | undefined;
  readonly anonymousAnywhere?: boolean | undefined;
}

/**
 * The gateway's configuration from its environment and flags.
 *
 * @throws ConfigError one line that names the variable; where no bus is configured, the choices there are
 */
export function gatewayConfig(env: Environment, flags: GatewayFlags) {
  const read = readConfig(environment, withFlags(env, flags));
  const listen = read.LISTEN ?? DEFAULT_LISTEN;
  for (const name of ['TOLLGATE_AUDIT_URL', 'TOLLGATE_BUDGETS_URL', 'TOLLGATE_DIRECTORY_URL'] as const) {
    if (read[name] !== undefined && read.TOLLGATE_TOKEN === undefined) {
      throw new ConfigError('TOLLGATE_TOKEN', `is not set, but ${name} is: give it (or TOLLGATE_TOKEN_FILE)`);
    }
  }
  const anonymousTeam = read.GATEWAY_ANONYMOUS_TEAM ?? null;
  if (anonymousTeam !== null && !read.GATEWAY_ANONYMOUS_CONFIRMED && !isLoopback(listen.host)) {
    throw new ConfigError(
      'GATEWAY_ANONYMOUS_TEAM',
      `lets everybody who reaches ${listen.host} call without a key: listen on 127.0.0.1, or say --anonymous-anywhere (GATEWAY_ANONYMOUS_CONFIRMED=true)`,
    );
  }
  const options: GatewayOptions = {
    limits: {
      recordTimeoutMs: RECORD_TIMEOUT_MS,
      firstByteTimeoutMs: read.GATEWAY_FIRST_BYTE_TIMEOUT_SECONDS * 1000,
      betweenChunksTimeoutMs: read.GATEWAY_BETWEEN_CHUNKS_TIMEOUT_SECONDS * 1000,
      callerStallTimeoutMs: read.GATEWAY_CALLER_STALL_TIMEOUT_SECONDS * 1000,
      totalTimeoutMs: read.GATEWAY_TOTAL_TIMEOUT_SECONDS * 1000,
      maxRestMs: read.GATEWAY_MAX_REST_SECONDS * 1000,
      maxAnswerBytes: read.GATEWAY_MAX_ANSWER_BYTES,
    },
    maxBodyBytes: read.GATEWAY_MAX_BODY_BYTES,
    maxInFlight: read.GATEWAY_MAX_IN_FLIGHT,
    maxDirectoryAgeMs: read.GATEWAY_DIRECTORY_MAX_AGE_SECONDS * 1000,
  };
  return {
    listen,
    policyFile: flags.policyConfig ?? read.GATEWAY_POLICY_CONFIG,
    spoolFolder: read.GATEWAY_SPOOL_FOLDER,
    spool: {
      maxBytes: read.GATEWAY_SPOOL_MAX_BYTES,
      retainMs: read.GATEWAY_SPOOL_RETAIN_SECONDS * 1000,
      retainBytes: read.GATEWAY_SPOOL_RETAIN_BYTES,
    },
    instance: read.GATEWAY_INSTANCE ?? null,
    directorySnapshot: read.GATEWAY_DIRECTORY_SNAPSHOT ?? `${read.GATEWAY_SPOOL_FOLDER}/directory.snapshot`,
    limitsSnapshot: read.GATEWAY_LIMITS_SNAPSHOT ?? `${read.GATEWAY_SPOOL_FOLDER}/limits.snapshot`,
    pricesSnapshot: read.GATEWAY_PRICES_SNAPSHOT ?? `${read.GATEWAY_SPOOL_FOLDER}/prices.snapshot`,
    budgets: {
      waitMs: read.GATEWAY_BUDGET_WAIT_MS,
      maxWaiting: read.GATEWAY_BUDGET_MAX_WAITING,
      strictMaxTokens: read.GATEWAY_STRICT_MAX_TOKENS,
    },
    payloads: {
      folder: read.GATEWAY_PAYLOAD_SPOOL_FOLDER ?? `${read.GATEWAY_SPOOL_FOLDER}/payloads`,
      maxSpoolBytes: read.GATEWAY_PAYLOAD_SPOOL_MAX_BYTES,
      maxBytes: read.GATEWAY_PAYLOAD_MAX_BYTES,
      sealingKey: read.GATEWAY_PAYLOAD_SEALING_KEY ?? null,
    },
    upstreams: {
      maxConnections: read.GATEWAY_UPSTREAM_CONNECTIONS,
      connectTimeoutMs: read.GATEWAY_CONNECT_TIMEOUT_SECONDS * 1000,
    },
    credentialMaxAgeMs: read.GATEWAY_CREDENTIAL_MAX_AGE_DAYS * DAY_MS,
    routing: {
      breaker: {
        windowMs: read.GATEWAY_BREAKER_WINDOW_SECONDS * 1000,
        minimumVolume: read.GATEWAY_BREAKER_MINIMUM_CALLS,
        failureRatio: read.GATEWAY_BREAKER_FAILURE_PERCENT / 100,
        consecutiveFailures: read.GATEWAY_BREAKER_CONSECUTIVE_FAILURES,
        openMs: read.GATEWAY_BREAKER_OPEN_SECONDS * 1000,
        maxOpenMs: read.GATEWAY_BREAKER_MAX_OPEN_SECONDS * 1000,
      },
      probes: {
        intervalMs: read.GATEWAY_PROBE_INTERVAL_SECONDS * 1000,
        timeoutMs: read.GATEWAY_PROBE_TIMEOUT_SECONDS * 1000,
      },
    },
    oidc: oidcSettings(read),
    anonymousTeam,
    stopDeadlineMs: read.GATEWAY_STOP_DEADLINE_SECONDS * 1000,
    auditUrl: read.TOLLGATE_AUDIT_URL ?? null,
    budgetsUrl: read.TOLLGATE_BUDGETS_URL ?? null,
    directoryUrl: read.TOLLGATE_DIRECTORY_URL ?? null,
    token: read.TOLLGATE_TOKEN ?? null,
    logLevel: read.LOG_LEVEL,
    bus: readConfig(busConfig, env),
    options,
  };
}

/** Null where people are not let in by tokens. */
function oidcSettings(read: z.output<typeof environment>): OidcSettings | null {
  const { GATEWAY_OIDC_ISSUER: issuer, GATEWAY_OIDC_AUDIENCE: audience } = read;
  const jwksUrl = read.GATEWAY_OIDC_JWKS_URL ?? null;
  if (issuer === undefined) {
    const lonely = audience !== undefined ? 'GATEWAY_OIDC_AUDIENCE' : 'GATEWAY_OIDC_JWKS_URL';
    if (audience === undefined && jwksUrl === null) return null;
    throw new ConfigError('GATEWAY_OIDC_ISSUER', `is not set, but ${lonely} is`);
  }
  if (audience === undefined) {
    throw new ConfigError(
      'GATEWAY_OIDC_AUDIENCE',
      'is not set: tokens that are meant for others would be let in',
    );
  }
  for (const [name, url] of [
    ['GATEWAY_OIDC_ISSUER', issuer],
    ['GATEWAY_OIDC_JWKS_URL', jwksUrl],
  ] as const) {
    if (url === null) continue;
    const { protocol, hostname } = new URL(url);
    if (protocol === 'https:' || (protocol === 'http:' && isLoopback(hostname))) continue;
    throw new ConfigError(name, 'must begin with https: whoever could change the keys could be anybody');
  }
  return {
    issuer,
    audience,
    jwksUrl,
    algorithms: read.GATEWAY_OIDC_ALGORITHMS,
    clockSkewSeconds: read.GATEWAY_OIDC_CLOCK_SKEW_SECONDS,
    userClaim: read.GATEWAY_OIDC_USER_CLAIM,
    teamClaim: read.GATEWAY_OIDC_TEAM_CLAIM ?? null,
  };
}

/** The environment as the flags change it. */
function withFlags(env: Environment, flags: GatewayFlags): Environment {
  return {
    ...env,
    ...(flags.listen === undefined ? {} : { LISTEN: flags.listen }),
    ...(flags.anonymousTeam === undefined ? {} : { GATEWAY_ANONYMOUS_TEAM: flags.anonymousTeam }),
    ...(flags.anonymousAnywhere === true ? { GATEWAY_ANONYMOUS_CONFIRMED: 'true' } : {}),
  };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function isSealingKey(text: string): boolean {
  try {
    readSealingKey(text);
    return true;
  } catch (error) {
    if (error instanceof PayloadSealingError) return false;
    throw error;
  }
}
