import { randomBytes } from 'node:crypto';
import { ServiceClient } from '@tollgate/http';
import { ArchiveReader } from './archive-reader.ts';
import { type CatchUp, catchUp } from './catch-up.ts';
import { ChargeReader } from './charge-reader.ts';
import { differences, Place } from './ledger.ts';
import { type ReplayTeam, sendTrace } from './load.ts';
import { settleSums } from './settle-sums.ts';
import { SourceReader } from './source-reader.ts';
import { budgetsReader, lakehouseReader, reportReader } from './sum-readers.ts';
import { TeamTotals, type Totals } from './totals.ts';
import type { TraceRow } from './trace.ts';

/** A running Tollgate, where a replay is sent and where it looks afterwards. */
export interface ReplayTarget {
  readonly gatewayUrl: string;
  readonly auditUrl: string;
  readonly chargebackUrl: string;
  readonly budgetsUrl: string;
  readonly databricksSyncUrl: string;
  /** Opens the archive, the sources, the charges, the budgets and the lakehouse. */
  readonly token: string;
  readonly teams: readonly ReplayTeam[];
  readonly model: string;
}

export interface ReplayOptions {
  readonly target: ReplayTarget;
  readonly rows: readonly TraceRow[];
  readonly speed: number | 'max';
  readonly connections: number;
  /** Gives up on a row that stays unanswered for this long. */
  readonly rowDeadlineMs: number;
  /** Gives up when no place has made progress for this long after the last answer. */
  readonly settleDeadlineMs: number;
  readonly onAnswered?: (answered: number) => void;
  /** Awaited before a row is first sent. */
  readonly beforeRow?: (row: TraceRow) => Promise<void>;
  /** Breaks the replay off. */
  readonly signal?: AbortSignal;
  readonly onSettling?: (state: CatchUp) => void;
}

export interface ReplayReport {
  readonly sent: Totals;
  readonly audit: Totals;
  readonly charges: Totals;
  /** Of places that hold sums alone: what they hold, less what was abandoned. */
  readonly budgets: Totals;
  readonly lakehouse: Totals;
  /** What the audit trail holds of requests that their client never saw answered. */
  readonly abandoned: Totals;
  readonly teams: readonly {
    team: string;
    sent: Totals;
    audit: Totals;
    charges: Totals;
    budgets: Totals;
    lakehouse: Totals;
    abandoned: Totals;
  }[];
  readonly attempts: number;
  readonly seconds: number;
  /** One sentence per inequality; empty when everything is equal. */
  readonly differences: readonly string[];
}

/**
 * Sends the rows, waits until every source's last event has arrived everywhere, and compares.
 *
 * @throws ReplayError `not-answered`; a place that stays behind is a difference, not an error
 */
export async function replay(options: ReplayOptions): Promise<ReplayReport> {
  const { target, rows } = options;
  const startedMs = performance.now();
  const startedAtMs = Date.now();
  const client = (baseUrl: string) => new ServiceClient({ baseUrl, token: target.token });
  const sources = new SourceReader(client(target.auditUrl));
  const archive = await ArchiveReader.fromNowOn(target.auditUrl, target.token);
  const charging = await ChargeReader.fromNowOn(client(target.chargebackUrl));

  const replayId = `replay-${randomBytes(6).toString('hex')}`;
  const load = await sendTrace({
    url: target.gatewayUrl,
    rows,
    teams: target.teams,
    model: target.model,
    replayId,
    speed: options.speed,
    connections: options.connections,
    rowDeadlineMs: options.rowDeadlineMs,
    onAnswered: options.onAnswered ?? (() => {}),
    ...(options.beforeRow === undefined ? {} : { beforeRow: options.beforeRow }),
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });

  const audit = new Place('audit', load.answered);
  const charges = new Place('charges', load.answered);
  const behind = await catchUp({
    replayId,
    answered: load.answered.size,
    audit: { place: audit, reader: archive },
    charges: { place: charges, reader: charging },
    sources,
    deadlineMs: options.settleDeadlineMs,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
    onProgress: options.onSettling ?? (() => {}),
  });
  const reading = { teams: new Set(target.teams.map(({ teamId }) => teamId)), fromMs: startedAtMs };
  const sums = await settleSums({
    readers: {
      'the report': reportReader({ ...reading, client: client(target.chargebackUrl) }),
      budgets: budgetsReader({ ...reading, client: client(target.budgetsUrl) }),
      lakehouse: lakehouseReader({ ...reading, client: client(target.databricksSyncUrl) }),
    },
    expected: charges.all(),
    deadlineMs: options.settleDeadlineMs,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  const answeredIn = (name: keyof typeof sums) => (sums[name] ?? new TeamTotals()).minus(charges.abandoned);
  const [budgets, lakehouse] = [answeredIn('budgets'), answeredIn('lakehouse')];
  return {
    sent: load.sent.total(),
    audit: audit.completed.total(),
    charges: charges.completed.total(),
    budgets: budgets.total(),
    lakehouse: lakehouse.total(),
    abandoned: audit.abandoned.total(),
    teams: target.teams.map(({ teamId, name }) => ({
      team: name,
      sent: load.sent.of(teamId),
      audit: audit.completed.of(teamId),
      charges: charges.completed.of(teamId),
      budgets: budgets.of(teamId),
      lakehouse: lakehouse.of(teamId),
      abandoned: audit.abandoned.of(teamId),
    })),
    attempts: load.attempts,
    seconds: Math.round((performance.now() - startedMs) / 10) / 100,
    differences: [...behind, ...differences(load.sent, [audit, charges], sums)],
  };
}
