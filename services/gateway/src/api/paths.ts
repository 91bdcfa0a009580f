import type { Inference } from '../body/protocol.ts';

const BY_BODY = { modelInPath: null } as const;

const SERVED: readonly (readonly [string, Inference])[] = [
  ['/chat/completions', { ...BY_BODY, endpoint: 'chat.completions' }],
  ['/completions', { ...BY_BODY, endpoint: 'completions' }],
  ['/embeddings', { ...BY_BODY, endpoint: 'embeddings' }],
  ['/responses', { ...BY_BODY, endpoint: 'responses' }],
];

/** Databricks' own prefix, so that a client of a workspace needs another host and nothing else. */
const DATABRICKS_PREFIX = '/serving-endpoints/';
const INVOCATIONS = '/invocations';

/** Where inference is served by POST, but for invocations, whose paths name a model. */
export const INFERENCE: ReadonlyMap<string, Inference> = new Map([
  ...SERVED.map(([path, asked]) => [`/v1${path}`, asked] as const),
  ...SERVED.map(([path, asked]) => [`/serving-endpoints${path}`, asked] as const),
]);

/** What a path asks for; null where no inference is served there. */
export function inferenceAt(path: string): Inference | null {
  const asked = INFERENCE.get(path);
  if (asked !== undefined) return asked;
  if (!path.startsWith(DATABRICKS_PREFIX) || !path.endsWith(INVOCATIONS)) return null;
  const name = path.slice(DATABRICKS_PREFIX.length, -INVOCATIONS.length);
  if (name === '' || name.includes('/')) return null;
  return { endpoint: 'invocations', modelInPath: decoded(name) };
}

/** Whether a request is one of Databricks' own, which no client of OpenAI's API makes. */
export function isInvocation(url: string | undefined): boolean {
  return inferenceAt(pathOf(url))?.endpoint === 'invocations';
}

/** The path of a request's target, without query and trailing slash. */
export function pathOf(url: string | undefined): string {
  return url?.split('?', 1)[0]?.replace(/(?<=.)\/$/, '') ?? '';
}

/** A segment that is not well encoded stays as it is, and is the name of no model. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}
