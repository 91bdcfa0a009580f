import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool } from '@tollgate/database';
import type { Logger } from '@tollgate/telemetry';
import { openGaps } from '../sources/listing.ts';
import { readLosses } from '../sources/losses.ts';

/** What stands between the trail and completeness just now, each as a number that should be 0. */
export interface Troubles {
  /** Numbers in open gaps, but for those of sources that were acknowledged to be lost. */
  readonly missing_events: number;
  /** Sources that have neither ended nor been heard of lately, nor been acknowledged to be lost. */
  readonly lost_sources: number;
  /** Sources whose own chain differs from what the log holds. */
  readonly differing_chains: number;
  /** Requests that lack what has to be there, and are older than any request gets. */
  readonly unsettled_requests: number;
  /** Payloads that usage events state and that the vault never got. */
  readonly missing_payloads: number;
  /** Payloads of which the vault has something else than was stated. */
  readonly differing_payloads: number;
}

export interface TroubleRule {
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly gapGraceMs: number;
  readonly sourceLostAfterMs: number;
  readonly unsettledAfterMs: number;
  readonly payloadGraceMs: number;
}

/** How often it is looked. */
const LOOK_EVERY_MS = 30_000;
/** Requests are counted up to here. */
const MAX_COUNTED = 100_000;

type Counted = {
  lost: number;
  differing: number;
  unsettled: number;
  missing_payloads: number;
  differing_payloads: number;
};

/** Looks at everything that is in the log, whatever its period. */
export async function findTroubles(pool: Pool, rule: TroubleRule): Promise<Troubles> {
  const nowMs = rule.now();
  const losses = (await readLosses(pool)).filter(({ state }) => state === 'in-force');
  const lost = new Set(losses.map(({ source }) => source));
  const open = await openGaps(pool, { nowMs, graceMs: rule.gapGraceMs });
  const gaps = open.filter(({ source }) => !lost.has(source));
  const { rows } = await pool.query<Counted>(
    `SELECT (SELECT count(*)::int FROM source_state
             WHERE NOT ended AND (state->>'heardMs')::float8 < $1::float8
               AND source_id NOT IN (SELECT source_id FROM source WHERE name = ANY ($4::text[]))) AS lost,
            (SELECT count(*)::int FROM source_state WHERE state->>'mismatch' IS NOT NULL) AS differing,
            (SELECT count(*)::int FROM (SELECT FROM unsettled_request
              WHERE happened_at < to_timestamp($2::float8 / 1000) LIMIT ${MAX_COUNTED}) AS counted) AS unsettled,
            (SELECT count(*)::int FROM (SELECT FROM stated_awaited
              WHERE NOT differs AND awaited_since < to_timestamp($3::float8 / 1000) LIMIT ${MAX_COUNTED}) AS counted)
              AS missing_payloads,
            (SELECT count(*)::int FROM (SELECT FROM stated_awaited WHERE differs LIMIT ${MAX_COUNTED}) AS counted)
              AS differing_payloads`,
    [nowMs - rule.sourceLostAfterMs, nowMs - rule.unsettledAfterMs, nowMs - rule.payloadGraceMs, [...lost]],
  );
  const [row] = rows;
  return {
    missing_events: gaps.reduce((sum, { from, to }) => sum + to - from + 1, 0),
    lost_sources: row?.lost ?? 0,
    differing_chains: row?.differing ?? 0,
    unsettled_requests: row?.unsettled ?? 0,
    missing_payloads: row?.missing_payloads ?? 0,
    differing_payloads: row?.differing_payloads ?? 0,
  };
}

/**
 * Looks every half minute and says in the log what has changed: an alarm that does not hang on anybody's scraping, and
 * does not make the service unready, which goes on receiving meanwhile.
 */
export function startTroubleWatch(
  parts: TroubleRule & { readonly pool: Pool; readonly logger: Logger; readonly lookEveryMs?: number },
): { stop(): Promise<void> } {
  const stopping = new AbortController();
  let said = '';

  async function look(): Promise<void> {
    const troubles = await findTroubles(parts.pool, parts);
    const text = JSON.stringify(troubles);
    if (text === said) return;
    if (Object.values(troubles).some((n) => n > 0))
      parts.logger.error(troubles, 'the audit trail is not complete');
    else if (said !== '') parts.logger.info('the audit trail is complete again');
    said = text;
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      await look().catch((error: unknown) => {
        parts.logger.warn({ err: error }, 'could not look whether the audit trail is complete');
      });
      await sleep(parts.lookEveryMs ?? LOOK_EVERY_MS, undefined, { signal: stopping.signal }).catch(() => {});
    }
  }

  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
