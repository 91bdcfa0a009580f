import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { seededRandom } from '@tollgate/testing';
import { CHECKPOINT_PATH, ed25519Signer, formatSignerKey } from '@tollgate/transparency-log';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readLogState } from '../log/log-state.ts';
import { LogWriter } from '../log/writer.ts';
import { type TestSource, testSource } from '../testing/events.ts';
import { openStand, type Stand } from '../testing/stand.ts';
import { openFileTiles } from './file-tiles.ts';
import { readLogSigners } from './log-signers.ts';
import { readPublication } from './publication.ts';
import type { PublisherStep } from './publisher.ts';
import type { TileStore } from './tile-store.ts';

const random = seededRandom(6_962);

let stand: Stand;
let source: TestSource;
beforeEach(async () => {
  stand = await openStand();
  source = testSource(random, '/gateways/gw-1/e1');
});
afterEach(() => stand.close());

/** New events into the inbox. */
async function deliver(count: number): Promise<void> {
  const before = source.events.length;
  for (let i = 0; i < count; i += 1) source.usage();
  await stand.deliver(source.events.slice(before));
}

async function publishedSize(): Promise<number> {
  return (await readPublication(stand.pool))?.size ?? 0;
}

/** The stand's tiles, of which the writing ends after so many files. */
function failingTiles(filesLeft: number): TileStore {
  let left = filesLeft;
  return {
    ...stand.tiles,
    async write(resources) {
      const written = resources.slice(0, left);
      left -= written.length;
      await stand.tiles.write(written);
      if (written.length < resources.length) throw new Error('crash');
    },
  };
}

describe('the published log', () => {
  it('covers everything that was committed, in tiles that outsiders can read', async () => {
    await deliver(700);
    await stand.integrate({ maxBatch: 90 });
    expect(await stand.assertWhole()).toBe(700);
    expect(await publishedSize()).toBe(700);
    const exposed = await readFile(path.join(stand.folder, 'log', CHECKPOINT_PATH), 'utf8');
    expect(exposed).toBe((await readPublication(stand.pool))?.checkpoint);
    expect(exposed.split('\n').slice(0, 2)).toEqual(['tollgate.internal/audit', '700']);
    // Partial tiles are gone where there are full ones.
    expect((await readdir(path.join(stand.folder, 'log', 'tile', 'entries'))).sort()).toEqual([
      '000',
      '001',
      '002.p',
    ]);
  });

  it('publishes nothing where nothing is pending', async () => {
    await deliver(3);
    await stand.integrate();
    const writer = await LogWriter.begin(stand.writerOptions());
    const publishedAt = async () => (await stand.pool.query('SELECT published_at FROM log_publication')).rows;
    const before = await publishedAt();
    await writer.step();
    await writer.step();
    expect(await publishedAt()).toEqual(before);
  });

  it.each<PublisherStep>(['tiled', 'published', 'exposed'])(
    'stays one history when its writer ends at "%s" and another goes on',
    async (fatal) => {
      for (let crash = 0; crash < 4; crash += 1) {
        await deliver(90);
        const writer = await LogWriter.begin(
          stand.writerOptions({
            maxBatch: 50,
            onStep: (step) => {
              if (step === fatal) throw new Error('crash');
            },
          }),
        );
        await expect(writer.step()).rejects.toThrow('crash');
        expect(await stand.assertWhole()).toBeGreaterThan((await publishedSize()) - 1);
      }
      await stand.integrate();
      expect(await stand.assertWhole()).toBe(360);
      expect(await publishedSize()).toBe(360);
    },
  );

  it('stays one history when its writer ends after any number of files', async () => {
    // Six at least: bundles, tiles of two levels.
    for (let files = 0; files < 6; files += 1) {
      await deliver(600);
      const options = stand.writerOptions({ tiles: failingTiles(files) });
      const writer = await LogWriter.begin(options);
      await expect(writer.step()).rejects.toThrow('crash');
      await stand.assertWhole();
      // Now while it recovers, too.
      await expect(LogWriter.begin({ ...options, tiles: failingTiles(files) })).rejects.toThrow('crash');
      await stand.assertWhole();
      await stand.integrate();
    }
    await stand.integrate();
    expect(await stand.assertWhole()).toBe(source.events.length);
    expect(await publishedSize()).toBe(source.events.length);
  });

  it('never goes back: a writer that was held up publishes nothing older', async () => {
    await deliver(10);
    const held = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const slow = await LogWriter.begin(
      stand.writerOptions({
        onStep: async (step) => {
          if (step !== 'tiled') return;
          reached.resolve();
          await held.promise;
        },
      }),
    );
    const step = slow.step();
    await reached.promise;
    await deliver(10);
    await stand.integrate();
    expect(await publishedSize()).toBe(20);
    held.resolve();
    await step;
    expect(await publishedSize()).toBe(20);
    await stand.assertWhole();
    expect((await readFile(path.join(stand.folder, 'log', CHECKPOINT_PATH), 'utf8')).split('\n')[1]).toBe(
      '20',
    );
  });

  it('holds nothing of what a writer had prepared whose epoch was over', async () => {
    await deliver(10);
    const held = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const deposed = await LogWriter.begin(
      stand.writerOptions({
        onStep: async (step) => {
          if (step !== 'committing') return;
          reached.resolve();
          await held.promise;
        },
      }),
    );
    const step = deposed.step();
    await reached.promise;
    // Its successor finds the inbox in another order, as a transaction that was slow to commit leaves it.
    await stand.owner.query(
      'UPDATE audit.inbox SET arrival = (SELECT max(arrival) + 1 FROM audit.inbox) WHERE arrival = (SELECT min(arrival) FROM audit.inbox)',
    );
    await stand.integrate();
    held.resolve();
    await expect(step).rejects.toMatchObject({ code: 'leadership_lost' });
    await stand.assertWhole();
    expect(await publishedSize()).toBe(10);
  });

  it('is built for a log that is older than its tree', async () => {
    await deliver(600);
    await stand.integrate({ maxBatch: 70 });
    const { root } = await readLogState(stand.pool);
    await stand.owner.query(
      `UPDATE audit.log_state SET root = NULL, root_size = -1;
       UPDATE audit.log_publication SET size = 0, root = NULL, checkpoint = NULL`,
    );
    await rm(path.join(stand.folder, 'log'), { recursive: true });
    await LogWriter.begin(
      stand.writerOptions({ tiles: await openFileTiles(path.join(stand.folder, 'log')) }),
    );
    expect((await readLogState(stand.pool)).root).toEqual(root);
    expect(await publishedSize()).toBe(600);
    expect(await stand.assertWhole()).toBe(600);
  });

  it('is caught up with a writer that knew no tree', async () => {
    await deliver(20);
    await stand.integrate();
    await deliver(20);
    await stand.integrate();
    // As that writer leaves it: size moves, the root does not.
    const { root } = await readLogState(stand.pool);
    await stand.owner.query(
      "UPDATE audit.log_state SET root = sha256('another'), root_size = 20; UPDATE audit.log_publication SET size = 0, root = NULL, checkpoint = NULL",
    );
    await stand.integrate();
    expect((await readLogState(stand.pool)).root).toEqual(root);
    await stand.assertWhole();
  });

  it('builds tiles that are gone again, and takes no others for them', async () => {
    await deliver(300);
    await stand.integrate();
    const folder = path.join(stand.folder, 'log', 'tile');
    const tile = path.join(folder, '0', '001.p', '44');
    const bytes = await readFile(tile);
    await rm(folder, { recursive: true });
    const tiles = await openFileTiles(path.join(stand.folder, 'log'));
    await LogWriter.begin(stand.writerOptions({ tiles }));
    expect(await readFile(tile)).toEqual(bytes);
    await stand.assertWhole();
    bytes[7] = (bytes[7] ?? 0) ^ 1;
    await writeFile(tile, bytes);
    await expect(LogWriter.begin(stand.writerOptions())).rejects.toMatchObject({ code: 'log_forked' });
  });

  it('goes no further when a database is restored that is older than its checkpoint', async () => {
    await deliver(10);
    await stand.integrate();
    await stand.owner.query(
      `UPDATE audit.log_state SET size = 4, root = NULL, root_size = -1;
       UPDATE audit.log_publication SET size = 0, root = NULL, checkpoint = NULL`,
    );
    await expect(LogWriter.begin(stand.writerOptions())).rejects.toMatchObject({ code: 'log_rolled_back' });
  });

  it('finds a leaf of the index, or an event of the archive, that was changed before it was published', async () => {
    await deliver(10);
    const writer = await LogWriter.begin(
      stand.writerOptions({
        onStep: (step) => {
          if (step === 'committed') throw new Error('crash');
        },
      }),
    );
    await expect(writer.step()).rejects.toThrow('crash');
    await stand.owner.query("UPDATE audit.entry SET leaf_hash = sha256('another') WHERE leaf_index = 3");
    await expect(LogWriter.begin(stand.writerOptions())).rejects.toMatchObject({ code: 'archive_corrupt' });
  });

  it('is signed by the old and the new key while they rotate, from the next start on', async () => {
    await deliver(5);
    await stand.integrate();
    const seed = random.bytes(32);
    const added = formatSignerKey(ed25519Signer(stand.signers.origin, seed).key, seed);
    const old = await readFile(path.join(stand.folder, 'log.key'), 'utf8');
    const signers = readLogSigners(`${old}${added}\n`, undefined);
    expect(signers.verifierKeys).toHaveLength(2);
    await LogWriter.begin(stand.writerOptions({ signers }));
    const { checkpoint = '' } = (await readPublication(stand.pool)) ?? {};
    expect(checkpoint.match(/^— tollgate\.internal\/audit /gm)).toHaveLength(2);
    // Who knows the old key alone still reads it.
    await stand.assertWhole();
  });
});
