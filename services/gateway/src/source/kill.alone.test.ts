import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { seededRandom, temporaryFolder, until } from '@tollgate/testing';
import { describe, expect, test } from 'vitest';
import { BrokerInMemory, requestEnds } from './testing/broker-in-memory.ts';
import { openTestSpool } from './testing/spool-under-test.ts';

const WRITER = new URL('./testing/writer-to-be-killed.ts', import.meta.url).pathname;
const KILLS = Number(process.env['TOLLGATE_KILLS'] ?? 8);

/**
 * Runs a process that appends requests at full speed and prints what it promised, kills it after some
 * milliseconds, and returns the promises that came out.
 */
async function runAndKill(
  folder: string,
  afterMs: number,
): Promise<{ onDisk: string[]; answered: string[] }> {
  const child = spawn(process.execPath, [WRITER, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  const onDisk: string[] = [];
  const answered: string[] = [];
  let opened = false;
  const lines = createInterface({ input: child.stdout });
  lines.on('line', (line) => {
    const [what, id = ''] = line.split(' ');
    if (what === 'open' && !opened) {
      opened = true;
      setTimeout(() => child.kill('SIGKILL'), afterMs);
    }
    if (what === 'disk') onDisk.push(id);
    if (what === 'answered') answered.push(id);
  });
  await Promise.all([exited, once(lines, 'close')]);
  return { onDisk, answered };
}

describe('a process that is killed', () => {
  test(
    `keeps its promises over ${KILLS} kills on one spool`,
    async () => {
      const folder = temporaryFolder('killed');
      const random = seededRandom(7);
      const onDisk: string[] = [];
      const answered: string[] = [];
      for (let kill = 0; kill < KILLS; kill += 1) {
        const promised = await runAndKill(folder, random.integer(0, 150));
        onDisk.push(...promised.onDisk);
        answered.push(...promised.answered);
      }
      const broker = new BrokerInMemory();
      const spool = openTestSpool(folder);
      try {
        spool.startPublishing(broker.publisher());
        await until(() => spool.stats().unacknowledgedEvents <= 0, { timeoutMs: 20_000 });
        const ends = requestEnds(broker.events());
        expect(answered.length).toBeGreaterThan(0);
        for (const id of onDisk) expect(ends.has(id)).toBe(true);
        for (const id of answered) expect(ends.get(id)?.finals).toEqual(['completed']);
        for (const end of ends.values()) {
          expect(end.decisions.length).toBe(1);
          expect(end.finals.length).toBe(end.decisions[0] === 'allowed' ? 1 : 0);
        }
        const lost = [...ends.values()].filter(({ finals }) => finals[0] === 'gateway-lost');
        expect(lost.length).toBeGreaterThan(0);
        expect(broker.sources().length).toBe(KILLS + 1);
      } finally {
        await spool.stop(0);
      }
    },
    60_000 + KILLS * 10_000,
  );
});
