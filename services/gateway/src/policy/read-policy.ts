import { ConfigError, type Environment } from '@tollgate/http';
import { loadPolicyConfig, type PolicyConfig, PolicyConfigError, type Support } from '@tollgate/policy';

/** What this gateway does of all that a file can say; it does not start on a file that says more. */
const SERVED: Support = {
  policies: ['prompt-injection', 'pii-detector', 'dlp-filter', 'rbac', 'audit-logger'],
  features: ['routes'],
};

/** A policy file as it was read. */
export interface ReadPolicy {
  readonly config: PolicyConfig;
  /** The file, and those that it names. */
  readonly files: readonly string[];
  /** Differs where any of them does. */
  readonly fingerprint: string;
}

/**
 * Reads the file, and what it names.
 *
 * @throws PolicyConfigError every problem with its place
 * @throws ConfigError where it asks for what this gateway would not do
 */
export async function readPolicy(file: string, env: Environment): Promise<ReadPolicy> {
  const config = await loadPolicyConfig(file, env, SERVED);
  const { piiDetector, dlpFilter } = config.policies;
  if (piiDetector?.restore === true) throw restoreRefused('pii-detector');
  if (dlpFilter?.restore === true) throw restoreRefused('dlp-filter');
  for (const [policy, settings] of Object.entries({ 'pii-detector': piiDetector, 'dlp-filter': dlpFilter })) {
    if (settings?.applyTo.includes('output') === true) throw outputRefused(policy);
  }
  return { config, files: [file], fingerprint: config.digest };
}

/** The error that a start ends with: the first problem of the file, on one line. Any other stays as it is. */
export function startProblem(error: unknown): unknown {
  if (!(error instanceof PolicyConfigError)) return error;
  const [first = ''] = error.message.split('\n');
  const more = error.problems.length - 1;
  return new ConfigError('--policy-config', more === 0 ? first : `${first} (and ${more} more)`);
}

function restoreRefused(policy: string): ConfigError {
  const why = 'is not available in this version, and placeholders would stay in answers: remove it';
  return new ConfigError('--policy-config', `policy.${policy}.restore ${why}`);
}

function outputRefused(policy: string): ConfigError {
  const why = 'output is not available in this version, and answers would pass unchecked: remove it';
  return new ConfigError('--policy-config', `policy.${policy}.apply_to ${why}`);
}
