import { isInfrastructureError, type Pool } from '@tollgate/database';
import type { Metrics } from '@tollgate/telemetry';
import { findTroubles, type TroubleRule, type Troubles } from './completeness/troubles.ts';
import { inboxDepth } from './inbox/inbox.ts';
import type { Indexed } from './indexing/index-batch.ts';
import { readPosition } from './indexing/position.ts';
import type { StepResult } from './log/writer.ts';
import { oneLook } from './one-look.ts';
import { readPublication } from './tree/publication.ts';
import type { WitnessOutcome } from './tree/witnesses.ts';

export interface AuditMetrics {
  /** To be called with what each step of the writer did. */
  readonly onResult: (result: StepResult) => void;
  /** To be called with what each batch of the indexer came to. */
  readonly onIndexed: (indexed: Indexed) => void;
  /** To be called with what a witness did when it was asked to cosign. */
  readonly onWitness: (witness: string, outcome: WitnessOutcome) => void;
}

const TROUBLES = {
  missing_events: 'Numbers in the open gaps of all sources.',
  lost_sources: 'Sources that have neither ended nor been heard of lately: what they wrote last is unknown.',
  differing_chains: 'Sources whose own chain differs from what the log holds. Any is an alarm.',
  unsettled_requests:
    'Requests without decision or final usage that are older than any request gets, counted up to 100,000.',
  missing_payloads:
    'Payloads that usage events state and that the vault never got, counted up to 100,000. Any is an alarm.',
  differing_payloads:
    'Payloads of which the vault has something else than was stated, counted up to 100,000. Any is an alarm.',
} as const satisfies Record<keyof Troubles, string>;
const TROUBLE_NAMES = [
  'missing_events',
  'lost_sources',
  'differing_chains',
  'unsettled_requests',
  'missing_payloads',
  'differing_payloads',
] as const satisfies readonly (keyof Troubles)[];

/** What the service shows of itself; depth, lag and gaps are looked up when they are scraped. */
export function auditMetrics(metrics: Metrics, parts: TroubleRule & { readonly pool: Pool }): AuditMetrics {
  const { pool, now } = parts;
  metrics.gauge({
    name: 'tollgate_audit_inbox_events',
    help: 'Events that wait in the inbox, counted up to 100,000.',
    collect: (gauge) => looked(async () => gauge.set((await inboxDepth(pool)).rows)),
  });
  metrics.gauge({
    name: 'tollgate_audit_inbox_lag_seconds',
    help: 'How long the oldest event has been waiting in the inbox.',
    collect: (gauge) =>
      looked(async () => {
        const { oldestMs } = await inboxDepth(pool);
        gauge.set(oldestMs === null ? 0 : Math.max(0, now() - oldestMs) / 1000);
      }),
  });
  const troubles = oneLook(() => findTroubles(pool, parts));
  for (const name of TROUBLE_NAMES) {
    metrics.gauge({
      name: `tollgate_audit_${name}`,
      help: TROUBLES[name],
      collect: async (gauge) => {
        const found = await troubles();
        if (found !== null) gauge.set(found[name]);
      },
    });
  }
  metrics.gauge({
    name: 'tollgate_audit_unindexed_entries',
    help: 'Published leaves that a search does not find yet.',
    collect: (gauge) =>
      looked(async () => {
        const published = await readPublication(pool);
        gauge.set(Math.max(0, (published?.size ?? 0) - (await readPosition(pool)).size));
      }),
  });
  metrics.gauge({
    name: 'tollgate_audit_published_entries',
    help: 'Leaves that the newest published checkpoint covers. Behind the log for more than a second is an alarm.',
    collect: (gauge) => looked(async () => gauge.set((await readPublication(pool))?.size ?? 0)),
  });
  const size = metrics.gauge({ name: 'tollgate_audit_log_entries', help: 'Leaves in the log.' });
  const entries = metrics.counter({
    name: 'tollgate_audit_integrated_events_total',
    help: 'Events that this process has placed in the log.',
  });
  const repeats = metrics.counter({
    name: 'tollgate_audit_repeated_events_total',
    help: 'Events that came again, byte for byte.',
  });
  const conflicts = metrics.counter({
    name: 'tollgate_audit_conflicts_total',
    help: 'Events that claim what another holds, and chains that differ. Any is an alarm.',
  });
  const unverified = metrics.counter({
    name: 'tollgate_audit_unverified_reports_total',
    help: 'Words of sources that nobody could verify.',
  });
  const witnessed = metrics.counter({
    name: 'tollgate_audit_witness_answers_total',
    help: 'What witnesses did when asked to cosign a checkpoint. `refused` is an alarm: one has seen a longer log.',
    labels: ['witness', 'outcome'],
  });
  const suspect = metrics.counter({
    name: 'tollgate_audit_clock_suspect_events_total',
    help: 'Events that came more than five minutes after their own time (late), or before it (ahead).',
    labels: ['how'],
  });
  return {
    onIndexed({ late, ahead }) {
      if (late > 0) suspect.inc({ how: 'late' }, late);
      if (ahead > 0) suspect.inc({ how: 'ahead' }, ahead);
    },
    onWitness: (witness, outcome) => witnessed.inc({ witness, outcome }),
    onResult(result) {
      size.set(result.size);
      entries.inc(result.entries);
      repeats.inc(result.repeats);
      conflicts.inc(result.conflicts);
      unverified.inc(result.unverified);
    },
  };
}

/** A scrape shows the rest while the database is away. */
async function looked(look: () => Promise<void>): Promise<void> {
  try {
    await look();
  } catch (error) {
    if (!isInfrastructureError(error)) throw error;
  }
}
