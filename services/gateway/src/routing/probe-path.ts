import { isInvocationsUrl } from '../upstream/paths.ts';

/** Where a Databricks workspace serves models, and where it tells of them. */
const SERVING = '/serving-endpoints';
const TELLING = '/api/2.0/serving-endpoints';

/**
 * What is asked for, on a target's origin, to learn whether it is well; null: nothing can be asked that would not be a
 * call. Databricks tells the state of an endpoint (`GET /api/2.0/serving-endpoints/{name}`); anything else that is
 * OpenAI-compatible lists its models.
 */
export function probePath(baseUrl: string, isDatabricks: boolean, model: string): string | null {
  const base = new URL(baseUrl).pathname.replace(/\/+$/, '');
  const at = base.indexOf(SERVING);
  if (isDatabricks && at >= 0) return `${base.slice(0, at)}${TELLING}/${encodeURIComponent(model)}`;
  return isInvocationsUrl(baseUrl) ? null : `${base}/models`;
}
