/** Where a caller stands with one limit, as the answer's headers tell it. */
export interface Standing {
  /** Printable ASCII, such as the limit's id. */
  readonly name: string;
  /** What is counted: `requests`, `tokens`, or money as a small unit of its currency. */
  readonly quantity: 'requests' | 'tokens' | 'money';
  /** The quantity in whole units: tokens, requests, or for money the unit that `quotaUnit` names. */
  readonly limit: number;
  readonly remaining: number;
  /** Names the unit where it is not requests, such as `tokens`. */
  readonly quotaUnit: string;
  readonly windowSeconds: number;
  /** Until the window turns, in milliseconds. */
  readonly resetMs: number;
}

/** Header names with their values. */
export type Headers = Readonly<Record<string, string>>;

/** What stands in a structured field's string as it is. */
const PLAIN = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** The longest integer of a structured field (RFC 9651, 3.3.1). */
const MAX_INTEGER = 999_999_999_999_999;

/**
 * What an answer says about limits, in both ways that clients read:
 * `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers-11: structured fields, one item per
 * limit, seconds), and OpenAI's `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` for the limit of each kind
 * that has the least left.
 */
export function limitHeaders(standings: readonly Standing[]): Headers {
  const headers: Record<string, string> = {};
  if (standings.length === 0) return headers;
  headers['ratelimit-policy'] = standings.map(policyItem).join(', ');
  headers['ratelimit'] = standings.map(limitItem).join(', ');
  addOpenAi(headers, 'requests', standings);
  addOpenAi(headers, 'tokens', standings);
  return headers;
}

function policyItem({ name, limit, windowSeconds, quotaUnit }: Standing): string {
  const unit = quotaUnit === 'requests' ? '' : `;qu=${sfString(quotaUnit)}`;
  return `${sfString(name)};q=${sfInteger(limit)};w=${sfInteger(windowSeconds)}${unit}`;
}

function limitItem({ name, remaining, resetMs }: Standing): string {
  return `${sfString(name)};r=${sfInteger(remaining)};t=${sfInteger(Math.ceil(resetMs / 1000))}`;
}

function addOpenAi(
  headers: Record<string, string>,
  kind: 'requests' | 'tokens',
  standings: readonly Standing[],
): void {
  let least: Standing | null = null;
  for (const standing of standings) {
    if (standing.quantity !== kind) continue;
    if (least === null || standing.remaining < least.remaining) least = standing;
  }
  if (least === null) return;
  headers[`x-ratelimit-limit-${kind}`] = String(least.limit);
  headers[`x-ratelimit-remaining-${kind}`] = String(Math.max(0, least.remaining));
  headers[`x-ratelimit-reset-${kind}`] = openAiDuration(least.resetMs);
}

/** A duration as OpenAI writes it: `12ms`, `1s`, `6m0s`, `23h59m1s`. Rounded up, so that nobody comes early. */
export function openAiDuration(ms: number): string {
  if (ms < 1000) return `${Math.max(0, Math.ceil(ms))}ms`;
  const seconds = Math.ceil(ms / 1000);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours > 0) return `${hours}h${minutes}m${seconds % 60}s`;
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}

/** A string of a structured field; what it can't hold becomes `?`. */
function sfString(text: string): string {
  if (PLAIN.test(text)) return `"${text}"`;
  return `"${text.replaceAll(/[^\x20-\x7e]/g, '?').replaceAll(/["\\]/g, '\\$&')}"`;
}

function sfInteger(value: number): string {
  return String(Math.min(MAX_INTEGER, Math.max(0, Math.trunc(value))));
}
