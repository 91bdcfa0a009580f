import { ConfigError, type Environment } from '@tollgate/http';
import { loadPolicyConfig, type PolicyConfig, PolicyConfigError, type Support } from '@tollgate/policy';

/** What this gateway does of all that a file can say; it does not start on a file that says more. */
const SERVED: Support = {
  policies: ['prompt-injection', 'pii-detector', 'dlp-filter', 'rbac', 'audit-logger'],
  features: [],
};

/** @throws ConfigError the first problem of the file, on one line */
export async function readPolicy(file: string, env: Environment): Promise<PolicyConfig> {
  const config = await loaded(file, env);
  const { piiDetector, dlpFilter } = config.policies;
  if (piiDetector?.restore === true) throw restoreRefused('pii-detector');
  if (dlpFilter?.restore === true) throw restoreRefused('dlp-filter');
  return config;
}

async function loaded(file: string, env: Environment): Promise<PolicyConfig> {
  try {
    return await loadPolicyConfig(file, env, SERVED);
  } catch (error) {
    if (!(error instanceof PolicyConfigError)) throw error;
    const [first = ''] = error.message.split('\n');
    const more = error.problems.length - 1;
    throw new ConfigError('--policy-config', more === 0 ? first : `${first} (and ${more} more)`);
  }
}

function restoreRefused(policy: string): ConfigError {
  const why = 'is not available in this version, and placeholders would stay in answers: remove it';
  return new ConfigError('--policy-config', `policy.${policy}.restore ${why}`);
}
