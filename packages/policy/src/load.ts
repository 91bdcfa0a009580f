import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { PolicyConfig, Target } from './config.ts';
import { type Environment, workspaceOrigin } from './databricks-host.ts';
import { at, parseYaml } from './document.ts';
import { PolicyConfigError } from './errors.ts';
import { readChain, readPolicies } from './policies.ts';
import { fileSchema, packSchema, providersSchema, targetSchema } from './schema.ts';
import { type Problems, readSection } from './section.ts';
import { defaultTargets, readTarget, type TargetContext } from './targets.ts';

export interface PolicySource {
  /** Of these names only `DATABRICKS_HOST` is read; secrets are not. */
  readonly env: Environment;
  /** The name that messages give the text. */
  readonly file?: string | undefined;
}

const DEFAULT_FILE = 'policy-config.yaml';

/**
 * Loads a file that is to be served. Throws `PolicyConfigError`: whatever {@link parsePolicyConfig} and
 * {@link assertServable} throw, and `unreadable-file`.
 */
export async function loadPolicyConfig(file: string, env: Environment): Promise<PolicyConfig> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    throw at(file, 'unreadable-file', `Can't read the policy configuration (${codeOf(error)}).`);
  }
  return assertServable(parsePolicyConfig(bytes, { env, file }));
}

/**
 * Checks a configuration, reading nothing but its arguments. A file without targets gets those of the workspace that
 * `DATABRICKS_HOST` names, or none. Throws `PolicyConfigError` with every problem found.
 */
export function parsePolicyConfig(
  source: string | Uint8Array,
  { env, file = DEFAULT_FILE }: PolicySource,
): PolicyConfig {
  const bytes = typeof source === 'string' ? Buffer.from(source, 'utf8') : Buffer.from(source);
  const document = parseYaml(bytes.toString('utf8'), file);
  const workspace = workspaceOrigin(env);
  const problems: Problems = [];

  const sections = readSection(fileSchema, document.value, [], document, problems) ?? shallow(document.value);
  const pack = readSection(packSchema, sections['pack'], ['pack'], document, problems);
  const chain = readChain(sections['policies'], document, problems);
  const { auditLogger } = readPolicies(sections['policy'], chain, document, problems);
  const durability = auditLogger?.immutable === true ? 'disk' : 'relaxed';
  const context: TargetContext = { workspace, durability, document, problems };
  const listed = readTargets(sections['providers'], context);
  const targets =
    listed === null && workspace !== null ? defaultTargets(workspace, durability) : (listed ?? []);

  refuse(problems);
  // Whatever left these undone has told a problem; the check is for the compiler, and for us.
  if (pack === undefined || chain === null)
    throw at(file, 'missing-field', 'pack and policies are required.');
  const config: PolicyConfig = {
    file,
    digest: createHash('sha256').update(bytes).digest('hex'),
    pack,
    targets,
    targetsByModel: new Map(targets.map((target) => [target.provider.model, target])),
    chain,
    auditLogger,
  };
  return deepFreeze(config);
}

/** Gives the configuration back if it can be served. Throws `pack-disabled` or `no-targets`. */
export function assertServable(config: PolicyConfig): PolicyConfig {
  if (!config.pack.enabled) {
    throw at(config.file, 'pack-disabled', 'pack.enabled is false, so nothing is served; set it to true.');
  }
  if (config.targets.length === 0) {
    throw at(
      config.file,
      'no-targets',
      'The configuration names no targets: add providers.targets, or set DATABRICKS_HOST (and DATABRICKS_TOKEN).',
    );
  }
  return config;
}

/** The targets listed, or `null` where the file lists none. */
function readTargets(value: unknown, context: TargetContext): Target[] | null {
  const { document, problems } = context;
  if (value === undefined || value === null) return null;
  const section = readSection(providersSchema, value, ['providers'], document, problems);
  if (section?.targets === undefined || section.targets.length === 0) return null;
  const targets: Target[] = [];
  const ids = new Set<string>();
  const idOfModel = new Map<string, string>();
  for (const [index, entry] of section.targets.entries()) {
    const path = ['providers', 'targets', index];
    const shaped = readSection(targetSchema, entry, path, document, problems);
    const target = shaped === undefined ? undefined : readTarget(shaped, path, context);
    if (target === undefined) continue;
    const { id, provider } = target;
    if (ids.has(id)) {
      problems.push(document.problem('duplicate', [...path, 'id'], `Another target is called "${id}".`));
    }
    const claimedBy = idOfModel.get(provider.model);
    if (claimedBy !== undefined) {
      const message = `"${claimedBy}" serves ${provider.model} too; several targets for a model are not available yet.`;
      problems.push(document.problem('duplicate', path, message));
    }
    ids.add(id);
    idOfModel.set(provider.model, id);
    targets.push(target);
  }
  return targets;
}

/** The sections of a file whose top level has a problem, so that what is in them is checked nevertheless. */
function shallow(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
}

function refuse(problems: Problems): void {
  const [first, ...rest] = unique(problems).sort(
    (one, other) => one.line - other.line || one.column - other.column,
  );
  if (first !== undefined) throw new PolicyConfigError([first, ...rest]);
}

/** A missing section is noticed at the top level and again where it would be read. */
function unique(problems: Problems): Problems {
  const seen = new Map(problems.map((problem) => [`${problem.path} ${problem.code}`, problem]));
  return [...seen.values()];
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const member of Object.values(value)) deepFreeze(member);
  }
  return value;
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}
