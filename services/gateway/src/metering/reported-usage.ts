import type { Quantities } from '@tollgate/events';

/**
 * Quantities from a `usage` object as upstreams write it: `prompt_tokens`/`completion_tokens` (chat, embeddings)
 * or `input_tokens`/`output_tokens` (responses), with the nested details some add. Null where it holds no count of
 * input that makes sense, which is the same as none.
 */
export function reportedQuantities(usage: unknown): Quantities | null {
  if (!isRecord(usage)) return null;
  const input = count(usage['prompt_tokens']) ?? count(usage['input_tokens']);
  const output = count(usage['completion_tokens']) ?? count(usage['output_tokens']);
  if (input === null) return null;
  const inputDetails = usage['prompt_tokens_details'] ?? usage['input_tokens_details'];
  const outputDetails = usage['completion_tokens_details'] ?? usage['output_tokens_details'];
  return {
    input_tokens: input,
    output_tokens: output ?? 0,
    cached_input_tokens:
      detail(inputDetails, 'cached_tokens') ?? count(usage['cache_read_input_tokens']) ?? 0,
    cache_creation_tokens:
      detail(inputDetails, 'cache_creation_tokens') ?? count(usage['cache_creation_input_tokens']) ?? 0,
    reasoning_tokens: detail(outputDetails, 'reasoning_tokens') ?? 0,
  };
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function detail(details: unknown, name: string): number | null {
  return isRecord(details) ? count(details[name]) : null;
}

function count(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
