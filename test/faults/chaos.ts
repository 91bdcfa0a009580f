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
  const faults: Fault[] = (['gateway', 'audit', 'chargeback'] as const).map((name) => ({
    name,
    take: () => stack.services[name].kill(),
    giveBack: () => stack.services[name].start(),
  }));
  const [broker] = stack.kafka?.nodes ?? [];
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

const MAX_PAUSE_MS = 1500;
const MAX_AWAY_MS = 2500;

/**
 * Takes things away and gives them back, one after the other, in an order and at moments that the seed decides, until
 * every fault has struck `rounds` times.
 *
 * @returns what was done, for the message of a test that fails
 */
export async function unleash(
  faults: readonly Fault[],
  random: SeededRandom,
  rounds: number,
): Promise<string[]> {
  const done: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    for (const fault of random.shuffle(faults)) {
      const pauseMs = random.integer(0, MAX_PAUSE_MS);
      const awayMs = random.integer(0, MAX_AWAY_MS);
      await delay(pauseMs);
      await fault.take();
      await delay(awayMs);
      await fault.giveBack();
      done.push(`${fault.name} away for ${awayMs} ms after ${pauseMs} ms`);
    }
  }
  return done;
}
