const INVOCATIONS = '/invocations';

/**
 * Where a target takes invocations, below its base URL; null: nowhere. A base URL may be that of one endpoint's
 * invocations itself, which then takes every call.
 *
 * @param perName whether every model has a path of its own there, as in a Databricks workspace
 */
export function invocationsPath(baseUrl: string, perName: boolean, servedModel: string): string | null {
  if (isInvocationsUrl(baseUrl)) return '';
  return perName ? `/${encodeURIComponent(servedModel)}${INVOCATIONS}` : null;
}

/** Whether a base URL is that of one endpoint's invocations, so that OpenAI's paths are not below it. */
export function isInvocationsUrl(baseUrl: string): boolean {
  return baseUrl.endsWith(INVOCATIONS);
}
