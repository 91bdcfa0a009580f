/**
 * What every bus promises, as cases that try to break it on a real log and a real database. They need no test
 * framework: `for (const { title, run } of busContract) it(title, () => run(harness))`, each with a fresh harness.
 */
import { consumeCases } from './consume-cases.ts';
import { followCases } from './follow-cases.ts';
import type { ContractCase } from './harness.ts';
import { outboxCases } from './outbox-cases.ts';

export { type BusHarness, type ContractCase, contractMigrations } from './harness.ts';

export const busContract: Readonly<Record<'consume' | 'follow' | 'outbox', readonly ContractCase[]>> = {
  consume: consumeCases,
  follow: followCases,
  outbox: outboxCases,
};
