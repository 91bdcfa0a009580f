import { randomUUID } from 'node:crypto';
import { transaction } from '@tollgate/database';
import { nameOf, recordAction, VAULT } from '../admin-events.ts';
import { lockVault } from '../lock-vault.ts';
import { NOT_HELD } from '../scope.ts';
import type { VaultParts } from '../vault-parts.ts';
import { mark } from './erase.ts';
import { wipeErasure } from './wipe.ts';

/** How often payloads whose time is over are looked for. */
const INTERVAL_MS = 60_000;
/** Payloads that nobody sent again after half of their arrival are given up after so long. */
const ARRIVING_MS = 86_400_000;

/** Erases what may not be kept any longer, unless a hold keeps it. @returns how many payloads */
export async function expire(vault: VaultParts): Promise<number> {
  const nowMs = vault.now();
  const now = new Date(nowMs).toISOString();
  const entry = {
    erasure_id: randomUUID(),
    scope: {},
    reason: 'retain_until has passed',
    erased_by: nameOf(VAULT),
    erased_at: now,
  };
  const due = `${NOT_HELD} AND p.retain_until <= '${now}'::timestamptz`;
  const given = `(p.state = 'arriving' AND p.received_at < '${new Date(nowMs - ARRIVING_MS).toISOString()}'::timestamptz)`;
  const condition = `((${due}) OR ${given})`;
  const marked = await transaction(vault.pool, async (tx) => {
    await lockVault(tx);
    const { rows } = await tx.query(
      `SELECT FROM vault_payload p WHERE p.state <> 'erased' AND ${condition} LIMIT 1`,
    );
    if (rows.length === 0) return 0;
    const count = await mark(tx, entry, { cause: 'retention', condition });
    await recordAction(tx, nowMs, {
      actor: VAULT,
      action: 'payload.expire',
      target: `payload-erasure/${entry.erasure_id}`,
      reason: entry.reason,
      details: { payloads: count },
    });
    return count;
  });
  if (marked > 0) {
    await wipeErasure(vault, entry.erasure_id);
    vault.observer.onErased('retention', marked);
  }
  return marked;
}

/** Expires again and again. A failure is logged, and tried again. */
export function startRetention(vault: VaultParts): { stop(): Promise<void> } {
  let running: Promise<unknown> = Promise.resolve();
  const run = () => {
    running = running
      .then(() => expire(vault))
      .then((payloads) => {
        if (payloads > 0) vault.logger.info({ payloads }, 'payloads whose time was over are erased');
      })
      .catch((error: unknown) => vault.logger.error({ err: error }, 'payloads can not be expired'));
  };
  const timer = setInterval(run, INTERVAL_MS).unref();
  run();
  return {
    async stop() {
      clearInterval(timer);
      await running;
    },
  };
}
