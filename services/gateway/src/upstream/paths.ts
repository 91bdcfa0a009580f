import type { Endpoint, Protocol } from '../body/protocol.ts';
import type { Target } from '../policy/policy.ts';

/** Where each protocol is served below a base URL that is OpenAI-compatible; rows of MLflow models are not. */
const OPENAI_PATHS: Readonly<Record<Protocol, string | null>> = {
  chat: '/chat/completions',
  completions: '/completions',
  embeddings: '/embeddings',
  responses: '/responses',
  custom: null,
};

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

/**
 * Where a call goes below its target's base URL: an invocation to the target's own invocations, if it has any, and
 * everything else to the path that OpenAI gives it. Null where the target takes no such call.
 */
export function upstreamPath(target: Target, endpoint: Endpoint, protocol: Protocol): string | null {
  if (endpoint === 'invocations' || target.onlyInvocations) {
    return target.invocationsPath ?? OPENAI_PATHS[protocol];
  }
  return OPENAI_PATHS[protocol];
}
