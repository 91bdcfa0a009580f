import type { FieldPath, LocatedDocument } from '../document/document.ts';
import { nearestName } from '../document/nearest-name.ts';
import { type Problems, readSection } from '../document/section.ts';
import type { Provider, Target } from '../policy-config.ts';
import { type Durability, providersSchema, type TargetSection, targetSchema } from '../schema/file-schema.ts';
import { readCredentials, workspaceCredentials } from './credentials.ts';
import type { Environment, WorkspaceOrigin } from './databricks-host.ts';
import type { PlacedTarget } from './routes.ts';

/** Longer than the longest answer of pay-per-token endpoints, which Databricks ends after 597 s. */
const DEFAULT_TIMEOUT_MS = 600_000;
const SERVING_PATH = '/serving-endpoints';
const PROVIDER_KINDS = ['databricks', 'openai-compatible'] as const;
const TASKS = ['chat', 'embeddings'] as const;
const WORKSPACE = '{workspace}';

/** What the targets of a file share. */
export interface TargetContext {
  readonly workspace: WorkspaceOrigin | null;
  readonly env: Environment;
  /** Of targets that don't name their own. */
  readonly durability: Durability;
  /** Whether a `{workspace}` that nothing fills is left as it is. */
  readonly allowPlaceholders: boolean;
  readonly document: LocatedDocument;
  readonly problems: Problems;
}

/** The models that a workspace serves without set-up; the targets of a file that names none. */
const DEFAULT_MODELS: readonly Provider[] = [
  { kind: 'databricks', model: 'databricks-meta-llama-3-3-70b-instruct', task: 'chat' },
  { kind: 'databricks', model: 'databricks-meta-llama-3-1-405b-instruct', task: 'chat' },
  { kind: 'databricks', model: 'databricks-dbrx-instruct', task: 'chat' },
  { kind: 'databricks', model: 'databricks-mixtral-8x7b-instruct', task: 'chat' },
  { kind: 'databricks', model: 'databricks-bge-large-en', task: 'embeddings' },
];

/** One target for each model that a workspace is known to serve. */
export function defaultTargets(
  workspace: WorkspaceOrigin,
  env: Environment,
  durability: Durability,
): Target[] {
  const credentials = workspaceCredentials(workspace, env);
  return DEFAULT_MODELS.map((provider) => ({
    id: provider.model,
    provider,
    baseUrl: workspace + SERVING_PATH,
    ...credentials,
    format: 'openai',
    timeoutMs: DEFAULT_TIMEOUT_MS,
    healthProbe: false,
    dataPolicy: { zeroDataRetention: false, assertedBy: null, assertedOn: null },
    durability,
    servingMode: 'pay-per-token',
    region: null,
  }));
}

/** The targets listed, or `null` where the file lists none. */
export function readTargets(value: unknown, context: TargetContext): PlacedTarget[] | null {
  const { document, problems } = context;
  if (value === undefined || value === null) return null;
  const section = readSection(providersSchema, value, ['providers'], document, problems);
  if (section?.targets === undefined || section.targets.length === 0) return null;
  const targets: PlacedTarget[] = [];
  const ids = new Set<string>();
  for (const [index, entry] of section.targets.entries()) {
    const path = ['providers', 'targets', index];
    const shaped = readSection(targetSchema, entry, path, document, problems);
    const target = shaped === undefined ? undefined : readTarget(shaped, path, context);
    if (target === undefined) continue;
    if (ids.has(target.id)) {
      const message = `Another target is called "${target.id}".`;
      problems.push(document.problem('duplicate', [...path, 'id'], message));
    }
    ids.add(target.id);
    targets.push({ target, path });
  }
  return targets;
}

/** Reads one target whose shape is right; `undefined` where something else about it is wrong. */
function readTarget(section: TargetSection, path: FieldPath, context: TargetContext): Target | undefined {
  const provider = readProvider(section, path, context);
  if (provider === undefined) return undefined;
  const baseUrl = readBaseUrl(section, provider, path, context);
  const credentials = readCredentials(section, provider, baseUrl, path, context);
  if (baseUrl === undefined || credentials === undefined) return undefined;
  return {
    id: section.id,
    provider,
    baseUrl,
    ...credentials,
    format: section.format,
    timeoutMs:
      section.timeout_seconds === undefined ? DEFAULT_TIMEOUT_MS : Math.ceil(section.timeout_seconds * 1_000),
    healthProbe: section.health_probe,
    dataPolicy: {
      zeroDataRetention: section.data_policy?.zero_data_retention ?? false,
      assertedBy: section.data_policy?.asserted_by ?? null,
      assertedOn: section.data_policy?.asserted_on ?? null,
    },
    durability: section.durability ?? context.durability,
    servingMode: section.serving_mode,
    region: section.region ?? null,
  };
}

/** `KIND` with `model`, or `KIND:TASK:MODEL`. A bare kind without `model` is refused: what it would serve is not said. */
function readProvider(
  section: TargetSection,
  path: FieldPath,
  { document, problems }: TargetContext,
): Provider | undefined {
  const [kindName = '', taskName, ...modelParts] = section.provider.split(':');
  const named = modelParts.join(':');
  const kind = PROVIDER_KINDS.find((known) => known === kindName);
  const task = TASKS.find((known) => known === taskName) ?? null;
  const place = [...path, 'provider'];
  if (kind === undefined) {
    const meant = nearestName(kindName, PROVIDER_KINDS) ?? PROVIDER_KINDS.join('" or "');
    problems.push(
      document.problem('invalid-value', place, `No provider is called "${kindName}": "${meant}"?`),
    );
    return undefined;
  }
  if (taskName === undefined) {
    if (section.model !== undefined) return { kind, model: section.model, task: null };
    const message = `A bare "${kind}" does not say what it serves: add model, or write ${kind}:chat:MODEL.`;
    problems.push(document.problem('missing-field', [...path, 'model'], message));
    return undefined;
  }
  if (task === null || named === '') {
    const message = `Write ${kind}:TASK:MODEL, where TASK is ${TASKS.join(' or ')}, or ${kind} with model beside it.`;
    problems.push(document.problem('invalid-value', place, message));
    return undefined;
  }
  if (section.model !== undefined && section.model !== named) {
    const message = `provider already names ${named}: remove model, or write provider: ${kind}.`;
    problems.push(document.problem('contradiction', [...path, 'model'], message));
    return undefined;
  }
  return { kind, model: named, task };
}

function readBaseUrl(
  section: TargetSection,
  provider: Provider,
  path: FieldPath,
  { workspace, allowPlaceholders, document, problems }: TargetContext,
): string | undefined {
  const place = [...path, 'base_url'];
  if (section.base_url === undefined) {
    if (provider.kind === 'databricks' && workspace !== null) return workspace + SERVING_PATH;
    const other = provider.kind === 'databricks' ? ', or set DATABRICKS_HOST' : '';
    problems.push(document.problem('missing-field', place, `This field is required${other}.`));
    return undefined;
  }
  const placeholder = /\{[^}]*\}?/.exec(section.base_url)?.[0];
  const filled = workspace !== null || allowPlaceholders;
  if (placeholder !== undefined && (placeholder !== WORKSPACE || !filled)) {
    const message =
      placeholder === WORKSPACE ? 'put your workspace there, or set DATABRICKS_HOST' : 'put a value there';
    problems.push(
      document.problem('unfilled-placeholder', place, `${placeholder} is a placeholder: ${message}.`),
    );
    return undefined;
  }
  // A name that parses takes the placeholder's place first, since the whole origin is then replaced.
  const url = URL.parse(section.base_url.replaceAll(WORKSPACE, 'workspace'));
  const web = url !== null && (url.protocol === 'https:' || url.protocol === 'http:');
  if (!web || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    const message =
      'Give an address that begins with https:// (or http://), without credentials, query or fragment.';
    problems.push(document.problem('invalid-value', place, message));
    return undefined;
  }
  if (placeholder !== undefined && workspace === null) return section.base_url.replace(/\/+$/, '');
  const origin = placeholder === undefined || workspace === null ? url.origin : workspace;
  return (origin + url.pathname).replace(/\/+$/, '');
}
