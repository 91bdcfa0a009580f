import { setTimeout as delay } from 'node:timers/promises';
import type { SeededRandom } from '@tollgate/testing';
import type { Stack } from 'tollgate/stack';

/** Something that is taken away for a while and given back. */
export interface Fault {
  readonly name: string;
  take(): Promise<void>;
  giveBack(): Promise<void>;
}

/** Everything that can be killed in a stack: each service, the broker and the database. */
export function faultsOf(stack: Stack): Fault[] {
  const faults: Fault[] = (['gateway', 'audit', 'chargeback', 'budgets', 'databricks-sync'] as const).map(
    (name) => ({
      name,
      take: () => stack.services[name].kill(),
      giveBack: () => stack.services[name].start(),
    }),
  );
  const [broker] = stack.bus.kafka?.nodes ?? [];
  if (broker) {
    faults.push({ name: 'broker', take: () => broker.kill('SIGKILL'), giveBack: () => broker.start() });
  }
  // `restart` starts it again after a kill, too.
  faults.push({
    name: 'postgres',
    take: () => stack.postgres.kill(),
    giveBack: () => stack.postgres.restart(),
  });
  return faults;
}

const MAX_AWAY_MS = 2500;

/**
 * Faults that strike at rows of a trace which the seed decides, each while requests are under way: the row waits until
 * its fault has struck, not until it is over.
 */
export class Chaos {
  /** What was done, for the message of a test that fails. */
  readonly log: string[] = [];
  readonly #schedule: { readonly row: number; readonly fault: Fault; readonly awayMs: number }[];
  readonly #struck: PromiseWithResolvers<void>[];
  readonly #begun: PromiseWithResolvers<void>[];

  /** @param rounds how often each fault strikes */
  constructor(faults: readonly Fault[], random: SeededRandom, options: { rows: number; rounds: number }) {
    const strikes = Array.from({ length: options.rounds }, () => random.shuffle(faults)).flat();
    const rows = strikes.map(() => random.integer(1, options.rows - 1)).sort((a, b) => a - b);
    this.#schedule = strikes.map((fault, index) => ({
      fault,
      row: rows[index] ?? 0,
      awayMs: random.integer(0, MAX_AWAY_MS),
    }));
    this.#struck = strikes.map(() => Promise.withResolvers<void>());
    this.#begun = strikes.map(() => Promise.withResolvers<void>());
  }

  /** To be awaited before a row is sent. */
  async before(row: number): Promise<void> {
    for (const [index, strike] of this.#schedule.entries()) {
      if (strike.row > row) return;
      this.#begun[index]?.resolve();
      await this.#struck[index]?.promise;
    }
  }

  /** Runs beside the load, to the end of the last fault. */
  async run(): Promise<void> {
    for (const [index, { fault, row, awayMs }] of this.#schedule.entries()) {
      await this.#begun[index]?.promise;
      this.log.push(`${fault.name} killed at row ${row}, away for ${awayMs} ms`);
      await fault.take();
      this.#struck[index]?.resolve();
      await delay(awayMs);
      await fault.giveBack();
    }
  }
}
