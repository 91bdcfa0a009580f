import { type Pool, type Transaction, transaction } from '@tollgate/database';
import { HttpProblem, type ProblemKind } from '@tollgate/http';
import { parseCheckpoint, parseNote } from '@tollgate/transparency-log';
import type { SegmentStore } from '../archive/segment-store.ts';
import { CLOCK_TOLERANCE_MINUTES } from '../indexing/event-counts.ts';
import { readPosition } from '../indexing/position.ts';
import { readIndexable } from '../indexing/read-indexable.ts';
import { termQuery } from '../indexing/terms.ts';
import { readLogState } from '../log/log-state.ts';
import { readLosses } from '../sources/losses.ts';
import { parseSourceName } from '../sources/source-name.ts';
import type { LogSigners } from '../tree/log-signers.ts';
import { readPayloadFacts } from '../vault/stated/read-stated.ts';
import {
  concerns,
  groupRequests,
  type JudgeRule,
  type Reason,
  reasonsOf,
  requestReasons,
  type SourceFacts,
  standingOf,
  verdictOf,
} from './judge.ts';
import { payloadNotices, payloadsView } from './payloads.ts';
import { type Period, SETTLING_MS } from './period.ts';
import { MAX_SOURCES, readSources, readUnsettled } from './read-facts.ts';
import { formatStatement, type Statement } from './statement.ts';

export interface StatementParts {
  readonly pool: Pool;
  readonly store: SegmentStore;
  readonly signers: LogSigners;
  /** Epoch milliseconds. */
  readonly now: () => number;
  readonly gapGraceMs: number;
  readonly sourceLostAfterMs: number;
  readonly unsettledAfterMs: number;
  readonly payloadGraceMs: number;
}

/** A statement, with the checkpoint that it was counted over. */
export interface SignedStatement {
  readonly statement: Statement;
  /** Signed by the log's keys. */
  readonly note: string;
  readonly checkpoint: string;
}

/** Beyond it the index is behind, and catching up. */
const MAX_UNINDEXED = 20_000;
/** Reasons of one statement at most; the verdict holds without the rest. */
const MAX_REASONS = 1_000;
const RETRY_AFTER_SECONDS = 1;
export const INDEX_BEHIND = {
  code: 'index_behind',
  status: 503,
  title: 'The index has not caught up with the log',
} as const satisfies ProblemKind;

/**
 * What can be said of a period, counted over exactly the leaves of a published checkpoint.
 * @throws HttpProblem 503 `index_behind`
 */
export async function makeStatement(
  parts: StatementParts,
  asked: { readonly period: Period; readonly organisationId: string | null; readonly requestId?: string },
): Promise<SignedStatement> {
  const { pool, signers, now } = parts;
  const { period, organisationId } = asked;
  const nowMs = now();
  const rule: JudgeRule = {
    nowMs,
    graceMs: parts.gapGraceMs,
    lostAfterMs: parts.sourceLostAfterMs,
    unsettledAfterMs: parts.unsettledAfterMs,
  };
  const read = await transaction(
    pool,
    async (tx) => {
      const losses = await readLosses(tx);
      return {
        position: await readPosition(tx),
        log: await readLogState(tx),
        losses,
        sources: await readSources(tx, period, organisationId, losses),
        requests: await readUnsettled(tx, period, organisationId),
        payloads: await readPayloadFacts(tx, period, {
          organisationId,
          overdueBeforeMs: nowMs - parts.payloadGraceMs,
        }),
        ofRequest: asked.requestId === undefined ? null : await countRequest(tx, asked.requestId),
      };
    },
    { isolation: 'repeatable read', readOnly: true },
  );
  const { position, log } = read;
  if (position.checkpoint === null || log.size - position.size > MAX_UNINDEXED) {
    throw new HttpProblem(INDEX_BEHIND, 'ask again once it has: see tollgate_audit_unindexed_entries', {
      headers: { 'retry-after': String(RETRY_AFTER_SECONDS) },
    });
  }
  const sources = read.sources.slice(0, MAX_SOURCES).filter((source) => concerns(source, period, rule));
  const groups = groupRequests(read.requests, rule);
  const reasons = [
    ...(period.toMs + SETTLING_MS > nowMs ? [PERIOD_OPEN] : []),
    ...(await unindexed(parts, period, position.size, log.size)),
    ...(read.sources.length > MAX_SOURCES ? [TOO_MANY_SOURCES] : []),
    ...sources.flatMap((source) => reasonsOf(source, period, rule)),
    ...requestReasons(groups),
  ];
  const { size, root } = parseCheckpoint(parseNote(position.checkpoint).text);
  const statement: Statement = {
    log: signers.origin,
    period: { from: instant(period.fromMs), to: instant(period.toMs) },
    organisation_id: organisationId,
    made_at: instant(nowMs),
    checkpoint: { size: Number(size), root: Buffer.from(root).toString('base64') },
    verdict: verdictOf(reasons),
    reasons: reasons.slice(0, MAX_REASONS),
    notices: [...sources.flatMap(clockNotices), ...payloadNotices(read.payloads)],
    counts: totals(sources),
    sources: sources.map((source) => viewOf(source, rule)),
    requests: groups.map((group) => ({ ...group, examples: [...group.examples] })),
    payloads: payloadsView(read.payloads),
    acknowledged_losses: read.losses,
    ...(read.ofRequest === null || asked.requestId === undefined
      ? {}
      : { request: { request_id: asked.requestId, counts: read.ofRequest } }),
  };
  return { statement, note: signers.signText(formatStatement(statement)), checkpoint: position.checkpoint };
}

const PERIOD_OPEN: Reason = { code: 'period-open', detail: 'the period is not over, or only just' };
const TOO_MANY_SOURCES: Reason = {
  code: 'too-many-sources',
  detail: `more than ${MAX_SOURCES} sources may have to do with the period: ask for a shorter one`,
};

/** Events of the period that are in the log but not counted yet: what sources are said to lack, they no longer do. */
async function unindexed(
  parts: StatementParts,
  { fromMs, toMs }: Period,
  indexed: number,
  size: number,
): Promise<Reason[]> {
  const waiting = await readIndexable(parts, indexed, size);
  const own = waiting.filter(({ facts }) => facts.happenedMs >= fromMs && facts.happenedMs < toMs);
  if (own.length === 0) return [];
  return [
    { code: 'not-indexed-yet', count: own.length, detail: 'in the log, and not counted yet: ask again' },
  ];
}

async function countRequest(tx: Transaction, requestId: string): Promise<Record<string, number>> {
  const { rows } = await tx.query<{ type: string; events: number }>(
    `SELECT type, count(*)::int AS events FROM indexed_event WHERE terms @@ $1::tsquery GROUP BY type ORDER BY type`,
    [termQuery('request', requestId)],
  );
  return Object.fromEntries(rows.map(({ type, events }) => [type, events]));
}

function clockNotices({ source, late, ahead }: SourceFacts): Reason[] {
  if (late + ahead === 0) return [];
  return [
    {
      code: 'clock-suspect',
      source,
      count: late + ahead,
      detail: `${late} events came more than ${CLOCK_TOLERANCE_MINUTES} minutes after their own time, ${ahead} before it`,
    },
  ];
}

function totals(sources: readonly SourceFacts[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { counts } of sources) {
    for (const [type, events] of Object.entries(counts)) sums[type] = (sums[type] ?? 0) + events;
  }
  return sums;
}

function viewOf(source: SourceFacts, rule: JudgeRule): Statement['sources'][number] {
  return {
    source: source.source,
    epoch: parseSourceName(source.source).epoch,
    state: standingOf(source, rule),
    through: source.through,
    verified_through: source.verified,
    heard_at: instant(source.heardMs),
    range: source.range,
    counts: { ...source.counts },
    clock_suspect: { late: source.late, ahead: source.ahead },
  };
}

function instant(ms: number): string {
  return new Date(ms).toISOString();
}
