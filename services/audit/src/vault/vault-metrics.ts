import type { Pool } from '@tollgate/database';
import type { Metrics } from '@tollgate/telemetry';
import { oneLook } from '../one-look.ts';
import { NOT_HELD } from './scope.ts';

/** Told of what the vault does; it shows it. */
export interface VaultObserver {
  /** A batch of so many bytes was answered. */
  readonly onBatch: (batch: {
    readonly stored: number;
    readonly passedOver: number;
    readonly bytes: number;
  }) => void;
  /** A batch was refused, with this code. */
  readonly onRefusedBatch: (code: string) => void;
  /** So many payloads are gone from the disk. */
  readonly onErased: (cause: 'asked' | 'retention', payloads: number) => void;
  /** Somebody has read this many payloads. */
  readonly onRevealed: (payloads: number) => void;
}

/** For tests, and for what needs no metrics. */
export const UNOBSERVED: VaultObserver = {
  onBatch() {},
  onRefusedBatch() {},
  onErased() {},
  onRevealed() {},
};

type Looked = { holds: number; keys: number; erasures: number; unwiped: number; overdue_ms: number | null };

/** What the vault shows of itself; holds, keys and what is overdue are looked up when they are scraped. */
export function vaultMetrics(
  metrics: Metrics,
  { pool, now }: { readonly pool: Pool; readonly now: () => number },
): VaultObserver {
  const payloads = metrics.counter({
    name: 'tollgate_audit_vault_payloads_total',
    help: 'Payloads that gateways handed in: `stored`, or `passed-over` since they were here or erased before.',
    labels: ['outcome'],
  });
  const bytes = metrics.counter({
    name: 'tollgate_audit_vault_batch_bytes_total',
    help: 'Sealed bytes that gateways handed in.',
  });
  const refused = metrics.counter({
    name: 'tollgate_audit_vault_refused_batches_total',
    help: 'Batches that do not open. Any is an alarm: gateways keep them as *.refused.',
    labels: ['code'],
  });
  const erased = metrics.counter({
    name: 'tollgate_audit_vault_erased_payloads_total',
    help: 'Payloads whose keys and bodies this process destroyed.',
    labels: ['cause'],
  });
  const revealed = metrics.counter({
    name: 'tollgate_audit_vault_revealed_payloads_total',
    help: 'Payloads that somebody has read.',
  });
  const found = oneLook(() => look(pool, now()));
  const gauge = (name: string, help: string, pick: (looked: Looked) => number) =>
    metrics.gauge({
      name: `tollgate_audit_vault_${name}`,
      help,
      collect: async (shown) => {
        const looked = await found();
        if (looked !== null) shown.set(pick(looked));
      },
    });
  gauge('holds', 'Legal holds in force.', ({ holds }) => holds);
  gauge(
    'team_day_keys',
    'Keys of teams and days that are not wiped: what a rotation wraps anew.',
    ({ keys }) => keys,
  );
  gauge('erasures', 'Erasures that somebody asked for, ever.', ({ erasures }) => erasures);
  gauge(
    'unfinished_erasures',
    'Erasures whose keys are not all gone from the disk. For more than a minute is an alarm.',
    ({ unwiped }) => unwiped,
  );
  gauge(
    'overdue_seconds',
    'How long the oldest payload that nothing holds has outlived its retention. More than 300 is an alarm.',
    ({ overdue_ms }) => Math.max(0, overdue_ms ?? 0) / 1000,
  );
  return {
    onBatch(batch) {
      if (batch.stored > 0) payloads.inc({ outcome: 'stored' }, batch.stored);
      if (batch.passedOver > 0) payloads.inc({ outcome: 'passed-over' }, batch.passedOver);
      bytes.inc(batch.bytes);
    },
    onRefusedBatch: (code) => refused.inc({ code }),
    onErased: (cause, n) => erased.inc({ cause }, n),
    onRevealed: (n) => revealed.inc(n),
  };
}

async function look(pool: Pool, nowMs: number): Promise<Looked> {
  const { rows } = await pool.query<Looked>(
    `SELECT (SELECT count(*)::int FROM vault_hold WHERE released_at IS NULL) AS holds,
            (SELECT count(*)::int FROM vault_team_day WHERE wiped_at IS NULL) AS keys,
            (SELECT count(*)::int FROM vault_erasure WHERE cause = 'asked') AS erasures,
            (SELECT count(*)::int FROM vault_erasure WHERE wiped_at IS NULL) AS unwiped,
            (SELECT $1::float8 - extract(epoch FROM p.retain_until)::float8 * 1000 FROM vault_payload p
             WHERE p.state = 'kept' AND p.retain_until < to_timestamp($1::float8 / 1000) AND ${NOT_HELD}
             ORDER BY p.retain_until LIMIT 1) AS overdue_ms`,
    [nowMs],
  );
  return rows[0] ?? { holds: 0, keys: 0, erasures: 0, unwiped: 0, overdue_ms: null };
}
