import { setTimeout as sleep } from 'node:timers/promises';
import { type Pool, transaction } from '@tollgate/database';
import { type SeededRandom, seededRandom } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { OutgoingMessage } from '../bus.ts';
import { type AppendPart, append } from './append.ts';
import { readLogs, readPage, type Statements } from './log.ts';
import { createPostgresHarness, type PostgresHarness } from './postgres-harness.ts';

const LIMITS = { maxMessages: 1_000, maxBytes: 1 << 20 };
const WRITERS = 6;
const TRANSACTIONS_EACH = 25;

let harness: PostgresHarness;
let pool: Pool;
beforeEach(async () => {
  harness = await createPostgresHarness();
  pool = harness.createPool();
});
afterEach(() => harness.close());

function message(text: string, topic: OutgoingMessage['topic'] = 'requests'): OutgoingMessage {
  return { topic, key: `key of ${text}`, value: Buffer.from(text) };
}

function part(partition: number, texts: readonly string[]): AppendPart {
  return { topic: 'requests', partition, messages: texts.map((text) => message(text)) };
}

/** Everything in a partition, in pages that begin where the one before has ended. */
async function readAll(database: Statements, partition: number, limits = LIMITS) {
  const found: { offset: bigint; text: string }[] = [];
  for (let from = 0n; ; ) {
    const page = await readPage(database, 'requests', partition, from, limits);
    if (page.messages.length === 0) return found;
    found.push(...page.messages.map(({ offset, value }) => ({ offset, text: value.toString() })));
    from = page.next;
  }
}

describe('appending', () => {
  it('gives each partition offsets of its own, from 0 and without holes', async () => {
    await append(pool, [part(0, ['a', 'b']), part(2, ['c'])]);
    await append(pool, [part(0, ['d'])]);
    expect(await readAll(pool, 0)).toEqual([
      { offset: 0n, text: 'a' },
      { offset: 1n, text: 'b' },
      { offset: 2n, text: 'd' },
    ]);
    expect(await readAll(pool, 1)).toEqual([]);
    expect(await readAll(pool, 2)).toEqual([{ offset: 0n, text: 'c' }]);
    expect(await readLogs(pool, ['requests'])).toMatchObject([
      { partition: 0, low: 0n, high: 3n },
      { partition: 1, low: 0n, high: 0n },
      { partition: 2, low: 0n, high: 1n },
    ]);
  });

  it('keeps every byte of a value, and its key', async () => {
    const value = Buffer.from(Array.from({ length: 3_000 }, (_, index) => index % 256));
    const key = 'ключ "\\{},';
    const messages = [
      { topic: 'usage', key, value } as const,
      { topic: 'usage', key: '', value: Buffer.alloc(0) } as const,
    ];
    await append(pool, [{ topic: 'usage', partition: 1, messages }]);
    const page = await readPage(pool, 'usage', 1, 0n, LIMITS);
    expect(page.messages.map((read) => [read.key, read.value])).toEqual([
      [key, value],
      ['', Buffer.alloc(0)],
    ]);
  });

  it('appends all parts or none', async () => {
    const missing = { ...part(99, ['b']), partition: 99 };
    await expect(append(pool, [part(0, ['a']), missing])).rejects.toThrow('no partition 99');
    expect(await readAll(pool, 0)).toEqual([]);
    await append(pool, [part(0, ['c'])]);
    expect(await readAll(pool, 0)).toEqual([{ offset: 0n, text: 'c' }]);
  });

  it('syncs its commit to disk though the session is set not to', async () => {
    await transaction(pool, async (tx) => {
      await tx.query('SET LOCAL synchronous_commit = off');
      await tx.query("SELECT bus.append('{requests}', '{0}', '{1}', '{key}', '{1}', 'x')");
      const { rows } = await tx.query('SHOW synchronous_commit');
      expect(rows).toEqual([{ synchronous_commit: 'on' }]);
    });
  });
});

describe('a page', () => {
  it('holds no more messages, and after the first no more bytes, than it may', async () => {
    await append(pool, [part(0, ['a'.repeat(600), 'b'.repeat(600), 'c'.repeat(600), 'd'])]);
    const offsets = async (from: bigint, maxMessages: number, maxBytes: number) => {
      const page = await readPage(pool, 'requests', 0, from, { maxMessages, maxBytes });
      return [page.messages.map(({ offset }) => offset), page.next, page.full];
    };
    expect(await offsets(0n, 2, 1_000_000)).toEqual([[0n, 1n], 2n, true]);
    expect(await offsets(0n, 10, 1_000)).toEqual([[0n, 1n], 2n, true]);
    expect(await offsets(0n, 10, 1)).toEqual([[0n], 1n, true]);
    expect(await offsets(2n, 10, 1_000_000)).toEqual([[2n, 3n], 4n, false]);
    expect(await offsets(4n, 10, 1_000_000)).toEqual([[], 4n, false]);
  });
});

describe('writers at once', () => {
  it('do not let a reader pass over a message whose transaction commits after a later one was begun', async () => {
    const held = Promise.withResolvers<void>();
    const appended = Promise.withResolvers<void>();
    const slow = transaction(harness.createPool(), async (tx) => {
      await append(tx, [part(0, ['slow'])]);
      appended.resolve();
      await held.promise;
    });
    await appended.promise;
    const fast = append(harness.createPool(), [part(0, ['fast'])]);
    try {
      // A writer of another partition does not wait.
      await append(pool, [part(1, ['elsewhere'])]);
      expect(await readAll(pool, 0)).toEqual([]);
    } finally {
      held.resolve();
    }
    await Promise.all([slow, fast]);
    expect((await readAll(pool, 0)).map(({ text }) => text)).toEqual(['slow', 'fast']);
  });

  it.each([1, 2, 3])(
    'leave a reader no hole and no surprise, whatever is held open and taken back (seed %i)',
    async (seed) => {
      const random = seededRandom(seed);
      const committed: string[] = [];
      let writing = true;
      const writers = Promise.all(
        Array.from({ length: WRITERS }, async (_, writer) => {
          const mine = seededRandom(random.integer(0, 1 << 30));
          const own = harness.createPool();
          for (let round = 0; round < TRANSACTIONS_EACH; round += 1) {
            committed.push(...(await writeOnce(own, mine, `${writer}.${round}`)));
          }
        }),
      ).finally(() => {
        writing = false;
      });

      // Reads on from the last page, as consumers do: what it has passed it never sees again.
      const seen: string[] = [];
      const next = Array.from({ length: harness.partitions }, () => 0n);
      for (let last = false; !last; ) {
        last = !writing;
        for (const [partition, from] of next.entries()) {
          const maxMessages = random.integer(1, 20);
          const page = await readPage(pool, 'requests', partition, from, { ...LIMITS, maxMessages });
          expect(page.messages.map(({ offset }) => offset - from)).toEqual(
            page.messages.map((_, index) => BigInt(index)),
          );
          seen.push(...page.messages.map(({ value }) => value.toString()));
          next[partition] = page.next;
          if (page.messages.length > 0) last = false;
        }
      }
      await writers;
      expect(seen.sort()).toEqual(committed.sort());
      const logs = await readLogs(pool, ['requests']);
      expect(logs.map(({ high }) => high)).toEqual(next);
    },
    60_000,
  );
});

/** A transaction over one to three partitions, held open for a while, then committed or taken back. */
async function writeOnce(own: Pool, random: SeededRandom, name: string): Promise<string[]> {
  const partitions = random
    .shuffle(Array.from({ length: harness.partitions }, (_, partition) => partition))
    .slice(0, random.integer(1, harness.partitions))
    .sort((a, b) => a - b);
  const parts = partitions.map((partition) =>
    part(
      partition,
      Array.from({ length: random.integer(1, 5) }, (_, index) => `${name}.${partition}.${index}`),
    ),
  );
  const kept = random.next() < 0.7;
  const holdMs = random.integer(0, 8);
  try {
    await transaction(own, async (tx) => {
      await append(tx, parts);
      // Other writers and the reader are meant to run into this transaction.
      await sleep(holdMs);
      if (!kept) throw new Error('taken back');
    });
    return parts.flatMap(({ messages }) => messages.map(({ value }) => value.toString()));
  } catch (error) {
    if (kept) throw error;
    return [];
  }
}
