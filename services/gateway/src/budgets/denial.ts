import { type Limit, scopeText, type Units } from '@tollgate/limits';
import { type Refusal, refuse } from '../errors.ts';
import { IDLE_MS } from './lease-exchange.ts';
import { type Headers, limitHeaders, type Standing } from './limit-headers.ts';
import type { Need } from './reservation.ts';

/** Clients come back by themselves after a wait of up to so many seconds; beyond, trying again is for their owner. */
const MAX_PATIENCE_SECONDS = 60;

/** Money is told in millionths of its currency. */
const UNITS_PER_MICRO = 10n ** 12n;
const MICRO = 1_000_000;

const NOUNS = {
  requests: 'requests',
  'input-tokens': 'input tokens',
  'output-tokens': 'output tokens',
  'total-tokens': 'tokens',
  money: '',
} as const;

/** Where a limit stands, as the answer's headers tell it. */
export function standingOf(
  { ledger: { limit }, window }: Need,
  nowMs: number,
  monotonicMs: number,
): Standing {
  const money = limit.unit === 'money';
  const left = window.remaining.units + window.free(monotonicMs);
  return {
    name: limit.limitId,
    quantity: money ? 'money' : limit.unit === 'requests' ? 'requests' : 'tokens',
    quotaUnit: money ? `micro-${(limit.currency ?? '').toLowerCase()}` : limit.unit,
    limit: shown(limit, limit.amount),
    remaining: shown(limit, left < 0n ? 0n : left),
    windowSeconds: Math.round((window.endsAtMs - window.startsAtMs) / 1000),
    resetMs: Math.max(0, window.endsAtMs - nowMs),
  };
}

/** Headers of an answer to a request that these limits apply to. */
export function headersOf(needs: readonly Need[], nowMs: number, monotonicMs: number): Headers {
  return limitHeaders(needs.map((need) => standingOf(need, nowMs, monotonicMs)));
}

/**
 * 429: a limit has too little left. Days and months are told as `insufficient_quota`, since clients of OpenAI's take
 * `rate_limit_exceeded` for something that passes while they wait.
 */
export function limitReached(need: Need, standing: Standing, headers: Headers): Refusal {
  const { limit } = need.ledger;
  const tooLarge = need.amount > limit.amount;
  const turns = Math.max(1, Math.ceil(standing.resetMs / 1000));
  // What other instances hold and do not need goes back before the window turns.
  const elsewhere = !tooLarge && need.window.remaining.unspent >= need.amount;
  const wait = elsewhere ? Math.min(turns, IDLE_MS / 1000) : turns;
  const what = `The limit ${nameOf(limit)} of ${told(limit, standing.limit)} per ${limit.window}`;
  const asked = `this request may need ${told(limit, shown(limit, need.amount))}`;
  const message = tooLarge
    ? `${what} is less than ${asked}. Lower max_tokens, or send less.`
    : `${what} has ${told(limit, standing.remaining)} left, and ${asked}. Try again in ${wait} s.`;
  const quota = limit.window === 'day' || limit.window === 'month';
  return {
    status: 429,
    type: quota ? 'insufficient_quota' : 'rate_limit_error',
    code: quota ? 'insufficient_quota' : 'rate_limit_exceeded',
    message,
    param: null,
    retryAfter: wait,
    headers: tooLarge || wait > MAX_PATIENCE_SECONDS ? { ...headers, 'x-should-retry': 'false' } : headers,
  };
}

/** 429: a strict limit of money applies, and the model has no price to reserve by. */
export function unpriced(need: Pick<Need, 'ledger'>): Refusal {
  return {
    ...refuse('model_unpriced', { name: nameOf(need.ledger.limit) }),
    headers: { 'x-should-retry': 'false' },
  };
}

/** 400: a strict limit counts input, and the model would read what is not in the request; null where it does not count. */
export function unbounded({ ledger: { limit } }: Pick<Need, 'ledger'>): Refusal | null {
  if (limit.unit === 'requests' || limit.unit === 'output-tokens') return null;
  return refuse('input_unbounded', { name: nameOf(limit) });
}

function nameOf(limit: Limit): string {
  const scope = scopeText(limit.scope);
  return scope === '' ? limit.limitId : `${limit.limitId} (${scope})`;
}

function told(limit: Limit, amount: number): string {
  return limit.unit === 'money' ? `${amount / MICRO} ${limit.currency}` : `${amount} ${NOUNS[limit.unit]}`;
}

/** Whole units; of money, millionths. */
function shown(limit: Limit, units: Units): number {
  return Number(limit.unit === 'money' ? units / UNITS_PER_MICRO : units);
}
