import { isRecord } from '../metering/reported-usage.ts';

/** What an error body says, whichever shape it came in. */
export interface Said {
  readonly message: string | null;
  readonly type: string | null;
  /** As OpenAI's API has codes, or with `upstream_` before a code of Databricks. */
  readonly code: string | null;
  readonly param: string | null;
  /** Seconds. */
  readonly retryAfter: number | null;
  /** The guardrail of the endpoint that blocked the call; null: none did. */
  readonly guardrail: 'personal-data' | 'safety' | null;
}

export const NOTHING_SAID: Said = {
  message: null,
  type: null,
  code: null,
  param: null,
  retryAfter: null,
  guardrail: null,
};

/** Errors of providers lie in those of Databricks, and never deeper than this. */
const MAX_NESTING = 3;

/**
 * Reads the error bodies seen from Databricks' serving endpoints:
 *
 * - `{"error_code","message"}`, the usual one; `error_code` is a number for credentials;
 * - `{"error":{"message","type","param","code"}}` as OpenAI writes it, with `limit_type`, `limit`, `current` and
 *   `retry_after` for some limits;
 * - JSON as text within `message`: a guardrail's verdict, or `{"external_model_provider","external_model_error"}` with
 *   what the provider behind an external model said.
 *
 * @param conceal takes out of each text what may not be told
 */
export function errorSaid(body: unknown, conceal: (text: string) => string, nesting = 0): Said {
  if (!isRecord(body) || nesting > MAX_NESTING) return NOTHING_SAID;
  const { error } = body;
  const text = (value: unknown) => textOf(value, conceal);
  if (isRecord(error)) return within(openAiError(error, text), conceal, nesting);
  const code = text(body['error_code'])?.toLowerCase() ?? null;
  const message = text(body['message']) ?? text(error) ?? text(body['detail']);
  return within(
    { ...NOTHING_SAID, message, code: code === null ? null : `upstream_${code}` },
    conceal,
    nesting,
  );
}

function openAiError(
  error: Readonly<Record<string, unknown>>,
  text: (value: unknown) => string | null,
): Said {
  const limited = error['limit_type'] !== undefined;
  return {
    message: text(error['message']),
    type: limited ? null : text(error['type']),
    code: text(error['code']),
    param: text(error['param']),
    retryAfter: number(error['retry_after']),
    guardrail: null,
  };
}

/** Looks into a message that is JSON itself; one that is cut or only resembles a verdict is taken for one. */
function within(said: Said, conceal: (text: string) => string, nesting: number): Said {
  const { message } = said;
  if (message === null || !message.includes('{')) return said;
  const inner = parse(message.slice(message.indexOf('{')));
  const guardrail =
    guardrailOf(inner) ?? (ECHOES.some((echo) => message.includes(echo)) ? 'personal-data' : null);
  if (guardrail !== null) return { ...said, guardrail };
  if (!isRecord(inner)) return said;
  const provider = inner['external_model_error'];
  if (!isRecord(provider)) return said;
  const deeper = errorSaid(provider, conceal, nesting + 1);
  return {
    ...deeper,
    code: deeper.code ?? said.code,
    message: deeper.message,
    retryAfter: deeper.retryAfter ?? said.retryAfter,
  };
}

/** Members of a verdict, one of which repeats the prompt. */
const ECHOES = ['anonymized_input', 'input_guardrail', 'output_guardrail'];

/** `flagged` is false where personal data were found, so that `pii_detection` and `finishReason` decide. */
function guardrailOf(verdict: unknown): Said['guardrail'] {
  if (!isRecord(verdict)) return null;
  const verdicts = [verdict['input_guardrail'], verdict['output_guardrail']].flatMap((list) =>
    Array.isArray(list) ? list.filter(isRecord) : [],
  );
  if (verdicts.some(foundPersonalData)) return 'personal-data';
  const reason = String(verdict['finishReason'] ?? '');
  return reason.includes('guardrail') || verdicts.some((one) => one['flagged'] === true) ? 'safety' : null;
}

function foundPersonalData({ pii_detection, anonymized_input }: Readonly<Record<string, unknown>>): boolean {
  return pii_detection === true || (Array.isArray(anonymized_input) && anonymized_input.length > 0);
}

function textOf(value: unknown, conceal: (text: string) => string): string | null {
  return typeof value === 'string' && value !== '' ? conceal(value) : null;
}

function number(value: unknown): number | null {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : null;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}
