import { RequestTexts } from '../texts/request-texts.ts';
import type { ChainRequest } from './evaluate-chain.ts';

/**
 * A parsed body, as the chain is asked about it.
 *
 * @param roles of the caller
 * @param generates whether the endpoint answers with a text, as embeddings don't
 * @param readsTexts of the chain: without it the texts are not collected
 */
export function chainRequest(
  body: Readonly<Record<string, unknown>>,
  {
    roles,
    generates,
    readsTexts,
  }: { readonly roles: readonly string[]; readonly generates: boolean; readonly readsTexts: boolean },
): ChainRequest {
  const { model, n } = body;
  return {
    model: typeof model === 'string' ? model : '',
    roles,
    maxOutputTokens: maxOutputTokens(body),
    choices: typeof n === 'number' && Number.isSafeInteger(n) && n > 0 ? n : 1,
    generates,
    texts: readsTexts ? new RequestTexts(body) : null,
  };
}

/** The largest of the limits that a body sets, under the names that the protocols give it; `null`: none. */
function maxOutputTokens(body: Readonly<Record<string, unknown>>): number | null {
  const limits = [body['max_completion_tokens'], body['max_tokens'], body['max_output_tokens']].filter(
    (limit) => typeof limit === 'number' && Number.isSafeInteger(limit) && limit >= 0,
  );
  return limits.length === 0 ? null : Math.max(...limits.map(Number));
}
