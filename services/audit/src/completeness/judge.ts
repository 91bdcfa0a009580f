import { faultOf, type RequestFault, type RequestTally } from '../indexing/request-marks.ts';
import { difference, type Range, type Ranges } from '../sources/ranges.ts';
import { type Standing, standing } from '../sources/source-state.ts';
import { LONGEST_REQUEST_MS, overlap, type Period, SETTLING_MS } from './period.ts';

/** Numbers that a source has stored and that are not in the log. Instants are epoch milliseconds. */
export interface MissingRange {
  readonly from: number;
  readonly to: number;
  readonly sinceMs: number;
  /** The time of the event before it in the log; null where there is none. */
  readonly beforeMs: number | null;
  /** The time of the event behind it; null where there is none yet. */
  readonly afterMs: number | null;
}

/** What a source itself says that it can't tell. */
export interface DeclaredRange {
  readonly from: number;
  readonly to: number;
  readonly reason: string;
  readonly unrecordedRequests: number;
  readonly sinceMs: number;
  readonly untilMs: number;
}

/** What is known of a source that may have to do with a period. */
export interface SourceFacts {
  readonly source: string;
  readonly ended: 'stopped' | 'superseded' | null;
  /** When it was last verifiably alive. */
  readonly heardMs: number;
  /** The time of its first event. */
  readonly bornMs: number;
  readonly through: number;
  readonly greatest: number;
  readonly verified: number;
  readonly mismatch: number | null;
  /** Numbers up to `through` that are not in the log; more than `missing` lists where it was cut. */
  readonly absent: number;
  readonly missing: readonly MissingRange[];
  readonly declared: readonly DeclaredRange[];
  /** Events that claimed a number that another holds, beyond what its chain has verified. */
  readonly conflicts: number;
  /** Somebody has acknowledged that it is lost for good; null: nobody, or it was heard of since. */
  readonly loss: { readonly deadMs: number; readonly by: string; readonly reason: string } | null;
  /** Of the period. */
  readonly counts: Readonly<Record<string, number>>;
  readonly range: { readonly from: number; readonly to: number } | null;
  readonly late: number;
  readonly ahead: number;
}

/** A request of the period that is not settled. */
export interface RequestFacts extends RequestTally {
  readonly requestId: string;
  readonly happenedMs: number;
}

export interface JudgeRule {
  readonly nowMs: number;
  readonly graceMs: number;
  readonly lostAfterMs: number;
  /** A request that is not settled after so long will not be by itself. */
  readonly unsettledAfterMs: number;
}

export type ReasonCode =
  | 'period-open'
  | 'not-indexed-yet'
  | 'gap'
  | 'awaited'
  | 'declared-gap'
  | 'chain-mismatch'
  | 'conflict'
  | 'not-heard-since'
  | 'tail-unknown'
  | 'acknowledged-loss'
  | 'acknowledged-gap'
  | 'in-flight'
  | 'too-many-sources'
  | 'clock-suspect'
  | 'payload-missing'
  | 'payload-differs'
  | 'payload-not-kept'
  | 'payload-awaited'
  | 'payloads-not-counted'
  | RequestFault;

/** Why a period is not proven complete. */
export interface Reason {
  readonly code: ReasonCode;
  readonly source?: string;
  /** Numbers of the source. */
  readonly from?: number;
  readonly to?: number;
  /** How many events or requests it concerns, as far as that is known. */
  readonly count?: number;
  /** What to know, or to do, in a few words. */
  readonly detail: string;
}

export type Verdict = 'complete' | 'incomplete' | 'tail-unknown';

/** Whether a source can hold anything of the period. Errs on the side of yes. */
export function concerns(source: SourceFacts, period: Period, rule: JudgeRule): boolean {
  return source.range !== null || reasonsOf(source, period, rule).length > 0 || livesIn(source, period);
}

function livesIn(source: SourceFacts, period: Period): boolean {
  return overlap(period, source.bornMs, source.ended === null ? diedBy(source) : source.heardMs);
}

/** After it nothing of a source can belong to a period. */
function diedBy({ loss }: SourceFacts): number {
  return loss === null ? Number.POSITIVE_INFINITY : loss.deadMs + SETTLING_MS;
}

/** What a source gives as reasons to doubt a period. */
export function reasonsOf(source: SourceFacts, period: Period, rule: JudgeRule): Reason[] {
  return [
    ...gapReasons(source, period, rule),
    ...wordReasons(source, period),
    ...tailReasons(source, period, rule),
  ];
}

function gapReasons(source: SourceFacts, period: Period, rule: JudgeRule): Reason[] {
  const reasons: Reason[] = [];
  const declared = source.declared
    .filter(({ from, to }) => from > 0 && to >= from)
    .map(({ from, to }): Range => [from, to]);
  for (const { from, to, sinceMs, beforeMs, afterMs } of source.missing) {
    // An event belongs to the instant of its request, which may be well before the one at which it was stored.
    const earliestMs = (beforeMs ?? source.bornMs) - LONGEST_REQUEST_MS;
    if (!overlap(period, earliestMs, afterMs ?? diedBy(source))) continue;
    const open = declared.reduce<Ranges>((left, range) => difference(left, [range]), [[from, to]]);
    const code =
      source.loss !== null ? 'acknowledged-gap' : rule.nowMs - sinceMs >= rule.graceMs ? 'gap' : 'awaited';
    for (const range of open) reasons.push(missingReason(code, source, range));
    for (const range of difference([[from, to]], open)) {
      reasons.push(missingReason('declared-gap', source, range));
    }
  }
  const listed = source.missing.reduce((sum, { from, to }) => sum + to - from + 1, 0);
  if (source.absent > listed && period.fromMs <= diedBy(source)) {
    reasons.push({
      code: source.loss === null ? 'gap' : 'acknowledged-gap',
      source: source.source,
      count: source.absent - listed,
      detail: 'further numbers are missing than are listed',
    });
  }
  return reasons;
}

const MISSING_DETAILS = {
  gap: 'stored by the source and not arrived: the gateway sends it again from its spool',
  awaited: 'stored by the source and on its way',
  'declared-gap': 'the source says that it can not send it again',
  'acknowledged-gap': 'stored by the source, and acknowledged to be lost with it',
} as const;

function missingReason(
  code: keyof typeof MISSING_DETAILS,
  { source }: SourceFacts,
  [from, to]: Range,
): Reason {
  return { code, source, from, to, count: to - from + 1, detail: MISSING_DETAILS[code] };
}

function wordReasons(source: SourceFacts, period: Period): Reason[] {
  const reasons: Reason[] = [];
  for (const each of source.declared) {
    // Of numbers up to `through` it is known which of them are missing.
    const known = each.unrecordedRequests === 0 && each.from > 0 && each.to <= source.through;
    if (known || !overlap(period, each.sinceMs - LONGEST_REQUEST_MS, each.untilMs)) continue;
    reasons.push({
      code: 'declared-gap',
      source: source.source,
      count: each.unrecordedRequests,
      detail: `the source says that it let requests pass unrecorded, or lost numbers (${each.reason})`,
    });
  }
  if (source.mismatch !== null && (source.range !== null || livesIn(source, period))) {
    reasons.push({
      code: 'chain-mismatch',
      source: source.source,
      from: source.verified + 1,
      to: source.mismatch,
      detail: 'the log holds other bytes than the source says that it wrote',
    });
  }
  if (source.conflicts > 0 && (source.range !== null || livesIn(source, period))) {
    reasons.push({
      code: 'conflict',
      source: source.source,
      count: source.conflicts,
      detail: 'other events claimed numbers that are taken: see the table conflict',
    });
  }
  return reasons;
}

/** What can be said of what a source wrote after the last word that was heard of it. */
function tailReasons(source: SourceFacts, period: Period, rule: JudgeRule): Reason[] {
  if (source.ended !== null || source.bornMs >= period.toMs + SETTLING_MS) return [];
  // Without a verified word nothing is known of it, however lately it was heard.
  const wordMs = source.through > 0 ? source.heardMs : Number.NEGATIVE_INFINITY;
  if (wordMs >= period.toMs + SETTLING_MS) return [];
  const known = Math.max(source.through, source.greatest);
  const { loss } = source;
  if (loss !== null) {
    if (period.fromMs > diedBy(source)) return [];
    const detail = `tail unknown after ${known}, acknowledged to be lost (${loss.by}: ${loss.reason})`;
    return [{ code: 'acknowledged-loss', source: source.source, from: known + 1, detail }];
  }
  if (standing(source, rule.nowMs, rule.lostAfterMs) === 'lost') {
    return [
      {
        code: 'tail-unknown',
        source: source.source,
        from: known + 1,
        detail: `tail unknown after ${known}: start the gateway again on its spool`,
      },
    ];
  }
  return [
    {
      code: 'not-heard-since',
      source: source.source,
      from: known + 1,
      detail: 'has not said how far it came since the period ended',
    },
  ];
}

/** How a source stands, in one word. */
export function standingOf(source: SourceFacts, rule: JudgeRule): Standing {
  return standing(source, rule.nowMs, rule.lostAfterMs);
}

/** Requests in a fault, with examples. */
export interface RequestGroup {
  readonly code: 'in-flight' | RequestFault;
  readonly count: number;
  /** Request ids, the oldest first. */
  readonly examples: readonly string[];
}

const MAX_EXAMPLES = 20;

/** Unsettled requests by what they are short of; the young ones are in flight. */
export function groupRequests(requests: readonly RequestFacts[], rule: JudgeRule): RequestGroup[] {
  const groups = Map.groupBy(requests, (request) => {
    const fault = faultOf(request);
    const young = rule.nowMs - request.happenedMs < rule.unsettledAfterMs;
    return young && fault !== 'contradictory' ? 'in-flight' : fault;
  });
  return [...groups].map(([code, all]) => ({
    code,
    count: all.length,
    examples: all
      .toSorted((a, b) => a.happenedMs - b.happenedMs)
      .slice(0, MAX_EXAMPLES)
      .map(({ requestId }) => requestId),
  }));
}

const REQUEST_DETAILS = {
  'in-flight': 'not settled yet',
  'without-request': 'their request event is not in the log',
  'without-decision': 'no decision about them is in the log',
  'without-final-usage': 'allowed, and no final usage is in the log',
  contradictory: 'more than one decision or final usage, or usage of what was refused',
} as const satisfies Record<RequestGroup['code'], string>;

export function requestReasons(groups: readonly RequestGroup[]): Reason[] {
  return groups.map(({ code, count }) => ({ code, count, detail: REQUEST_DETAILS[code] }));
}

/** What follows from the reasons: whatever is known to be missing weighs more than what is unknown. */
export function verdictOf(reasons: readonly Reason[]): Verdict {
  if (reasons.some(({ code }) => code !== 'tail-unknown' && code !== 'acknowledged-loss'))
    return 'incomplete';
  return reasons.length > 0 ? 'tail-unknown' : 'complete';
}
