import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { PolicyConfigError } from '../errors.ts';
import { at, type LocatedDocument, parseYaml } from './document/document.ts';
import { nearestName } from './document/nearest-name.ts';
import { isMisspelt, type Problems, readSection } from './document/section.ts';
import { NO_PAYLOADS, readPayloads } from './payload-capture.ts';
import { readChain, readPolicies } from './policies/policies.ts';
import type { PolicySettings } from './policies/policy-settings.ts';
import type { PolicyConfig, Route, Target } from './policy-config.ts';
import { catalogSchema, packSchema, topLevelSchema } from './schema/file-schema.ts';
import { EVERYTHING, RECORDING_ONLY, requireFeature, type Support } from './support.ts';
import { type Environment, workspaceOrigin } from './targets/databricks-host.ts';
import { type PlacedTarget, readRoutes } from './targets/routes.ts';
import { defaultTargets, readTargets } from './targets/targets.ts';

export interface PolicySource {
  /** Of these names only `DATABRICKS_HOST` is read, and whether `DATABRICKS_CLIENT_ID` is there; secrets are not. */
  readonly env: Environment;
  /** The name that messages give the text. */
  readonly file?: string | undefined;
  /** What the reader of the result enforces; everything unless given. */
  readonly support?: Support | undefined;
  /** Leaves a `{workspace}` that nothing fills as it is, so that a file can be checked where it is not served. */
  readonly allowPlaceholders?: boolean | undefined;
}

const DEFAULT_FILE = 'policy-config.yaml';

/**
 * Loads a file that is to be served. Throws `PolicyConfigError`: whatever {@link parsePolicyConfig} and
 * {@link assertServable} throw, and `unreadable-file`.
 *
 * @param support what the caller enforces; anything else in the file is refused
 */
export async function loadPolicyConfig(
  file: string,
  env: Environment,
  support: Support = RECORDING_ONLY,
): Promise<PolicyConfig> {
  return assertServable(parsePolicyConfig(await readPolicyFile(file), { env, file, support }));
}

/** The bytes of a file. Throws `unreadable-file`. */
export async function readPolicyFile(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file);
  } catch (error) {
    throw at(file, 'unreadable-file', `Can't read the policy configuration (${codeOf(error)}).`);
  }
}

const EMPTY = 'The file is empty, or holds comments alone.';

/**
 * Checks a configuration, reading nothing but its arguments. A file without targets gets those of the workspace that
 * `DATABRICKS_HOST` names, or none. Throws `PolicyConfigError` with every problem found.
 */
export function parsePolicyConfig(
  source: string | Uint8Array,
  { env, file = DEFAULT_FILE, support = EVERYTHING, allowPlaceholders = false }: PolicySource,
): PolicyConfig {
  const bytes = typeof source === 'string' ? Buffer.from(source, 'utf8') : Buffer.from(source);
  const document = parseYaml(bytes, file);
  if (document.value === null) throw at(file, 'invalid-yaml', EMPTY);
  const workspace = workspaceOrigin(env);
  const problems: Problems = [];

  if (!isMapping(document.value)) {
    const message = 'Expected a mapping with pack, policies and, as a rule, providers.';
    throw new PolicyConfigError([document.problem('invalid-value', [], message)]);
  }
  const top = readSection(topLevelSchema, document.value, [], document, problems);
  const sections = top ?? shallow(document.value);
  const pack = readSection(packSchema, sections['pack'], ['pack'], document, problems);
  const chain = readChain(sections['policies'], support, document, problems);
  const policies = readPolicies(sections['policy'], chain?.names ?? null, support, document, problems);
  const durability = policies.auditLogger?.immutable === true ? 'disk' : 'relaxed';
  const listed = readTargets(sections['providers'], {
    workspace,
    env,
    durability,
    allowPlaceholders,
    document,
    problems,
  });
  const placed = listed ?? (workspace === null ? [] : unplaced(defaultTargets(workspace, env, durability)));
  const featureFlags = new Map(Object.entries(top?.feature_flags ?? {}));
  const payloads =
    readPayloads(sections['payloads'], ['payloads'], support, document, problems) ?? NO_PAYLOADS;
  const context = { payloads, featureFlags, support, document, problems };
  const routes = readRoutes(top?.routes, placed, context);
  const catalog = readCatalog(sections['catalog'], support, document, problems);
  checkJudge(policies, placed, document, problems);
  checkRestored(policies, routes, document, problems);

  refuse(problems);
  // Whatever left these undone has told a problem; the check is for the compiler, and for us.
  if (pack === undefined || chain === null)
    throw at(file, 'missing-field', 'pack and policies are required.');
  return deepFreeze({
    file,
    digest: createHash('sha256').update(bytes).digest('hex'),
    pack,
    targets: placed.map(({ target }) => target),
    routes,
    routesByModel: new Map(routes.map((route) => [route.model, route])),
    chain: chain.names,
    maxTextBytes: chain.maxTextBytes,
    overMaxText: chain.overMaxText,
    policies,
    auditLogger: policies.auditLogger,
    featureFlags,
    catalog,
  });
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

function unplaced(targets: readonly Target[]): PlacedTarget[] {
  return targets.map((target) => ({ target, path: null }));
}

function readCatalog(value: unknown, support: Support, document: LocatedDocument, problems: Problems) {
  const section = readSection(catalogSchema, value ?? {}, ['catalog'], document, problems);
  if (section?.require_known === true || section?.refuse_retired === true || section?.file !== undefined) {
    requireFeature('catalog', support, ['catalog'], document, problems);
  }
  return {
    requireKnown: section?.require_known ?? false,
    refuseRetired: section?.refuse_retired ?? false,
    file: section?.file ?? null,
  };
}

/** The target that the safety filter names has to be there, unless targets come from the environment later. */
function checkJudge(
  { safetyFilter }: PolicySettings,
  placed: readonly PlacedTarget[],
  document: LocatedDocument,
  problems: Problems,
): void {
  const ids = placed.map(({ target }) => target.id);
  if (safetyFilter === null || ids.length === 0 || ids.includes(safetyFilter.target)) return;
  const meant = nearestName(safetyFilter.target, ids);
  const advice = meant === null ? `Known: ${ids.join(', ')}.` : `Did you mean "${meant}"?`;
  const message = `No target has the id "${safetyFilter.target}". ${advice}`;
  problems.push(document.problem('contradiction', ['policy', 'safety-filter', 'target'], message));
}

/** What is put back into an answer would be kept with it, although it was redacted from the request. */
function checkRestored(
  { piiDetector, dlpFilter }: PolicySettings,
  routes: readonly Route[],
  document: LocatedDocument,
  problems: Problems,
): void {
  const kept = routes.find(({ payloads }) => payloads.responses);
  if (kept === undefined) return;
  const restoring = { 'pii-detector': piiDetector?.restore, 'dlp-filter': dlpFilter?.restore };
  for (const [name, restores] of Object.entries(restoring)) {
    if (restores !== true) continue;
    const message = `The answers of "${kept.model}" are kept, and what is restored in them would be, too: write bodies: requests for it, or leave restore out.`;
    problems.push(document.problem('contradiction', ['policy', name, 'restore'], message));
  }
}

/** The sections of a file whose top level has a problem, so that what is in them is checked nevertheless. */
function shallow(value: unknown): Readonly<Record<string, unknown>> {
  return isMapping(value) ? { ...value } : {};
}

function isMapping(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuse(problems: Problems): void {
  const [first, ...rest] = unique(problems).sort(
    (one, other) => one.line - other.line || one.column - other.column,
  );
  if (first !== undefined) throw new PolicyConfigError([first, ...rest]);
}

/** A missing section is noticed at the top level and again where it would be read. */
function unique(problems: Problems): Problems {
  const told = problems.filter((problem) => !isMisspelt(problem, problems));
  const seen = new Map(told.map((problem) => [`${problem.path} ${problem.code}`, problem]));
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
