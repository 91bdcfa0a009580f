import type { Transaction } from '@tollgate/database';

const NAME = 'tollgate.vault';

/** Alone among all replicas until the transaction ends: for what decides which payloads go, and which may not. */
export async function lockVault(tx: Transaction): Promise<void> {
  await tx.query('SELECT FROM pg_advisory_xact_lock(hashtextextended($1, 0))', [NAME]);
}

/** With others that share it, and with nobody who decides on what goes. */
export async function shareVault(tx: Transaction): Promise<void> {
  await tx.query('SELECT FROM pg_advisory_xact_lock_shared(hashtextextended($1, 0))', [NAME]);
}
