import { type Catalog, CatalogError, catalogFileOf, catalogOf } from '@tollgate/catalog';
import { ConfigError, type Environment } from '@tollgate/http';
import { loadPolicyConfig, type PolicyConfig, PolicyConfigError, type Support } from '@tollgate/policy';

/** What this gateway does of all that a file can say; it does not start on a file that says more. */
const SERVED: Support = {
  policies: ['prompt-injection', 'pii-detector', 'dlp-filter', 'rbac', 'safety-filter', 'audit-logger'],
  features: ['routes', 'residency', 'payloads', 'feature-flags', 'catalog'],
};

/** A policy file as it was read. */
export interface ReadPolicy {
  readonly config: PolicyConfig;
  /** What its routes are held to. */
  readonly catalog: Catalog;
  /** The file, and those that it names. */
  readonly files: readonly string[];
  /** Differs where any of them does. */
  readonly fingerprint: string;
}

/**
 * Reads the file, and what it names.
 *
 * @throws PolicyConfigError every problem with its place, those of the catalogue file included
 * @throws ConfigError where the catalogue file can't be read
 */
export async function readPolicy(file: string, env: Environment): Promise<ReadPolicy> {
  const config = await loadPolicyConfig(file, env, SERVED);
  const catalog = await readCatalog(config);
  const catalogFile = catalogFileOf(config);
  const files = catalogFile === null ? [file] : [file, catalogFile];
  return { config, catalog, files, fingerprint: `${config.digest} ${catalog.digest}` };
}

async function readCatalog(config: PolicyConfig): Promise<Catalog> {
  try {
    return await catalogOf(config);
  } catch (error) {
    if (!(error instanceof CatalogError)) throw error;
    const [first, ...rest] = error.problems;
    if (first === undefined) throw new ConfigError('--policy-config', `catalog.file: ${error.message}`);
    throw new PolicyConfigError([first, ...rest]);
  }
}

/** The error that a start ends with: the first problem of the file, on one line. Any other stays as it is. */
export function startProblem(error: unknown): unknown {
  if (!(error instanceof PolicyConfigError)) return error;
  const [first = ''] = error.message.split('\n');
  const more = error.problems.length - 1;
  return new ConfigError('--policy-config', more === 0 ? first : `${first} (and ${more} more)`);
}
