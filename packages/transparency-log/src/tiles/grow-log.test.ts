import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { leafHashes } from '../merkle/hash.ts';
import { base64, golden } from '../testing/golden.ts';
import { goldenEntries, goldenEntry, logOfEverySize, MemoryLog } from '../testing/memory-log.ts';
import { RecursiveTree } from '../testing/recursive-tree.ts';
import { encodeEntries, MAX_ENTRY_BYTES, parseBundle } from './bundle.ts';
import { emptyLog, growLog, type LogEdge } from './grow-log.ts';
import { assertEdge, emptyEdge, growTree, rootOf } from './grow-tree.ts';
import { bundlesOfGrowth, tilesOfGrowth } from './growth.ts';
import { entriesPath, tilePath } from './paths.ts';
import { readEdge } from './prove.ts';
import { TILE_WIDTH } from './tile.ts';

interface Growth {
  from: number;
  to: number;
  count: number;
  tiles: string[];
  digest: string;
}

describe('a growing tree', () => {
  it('has the root of the recursive definition at every size up to 1,000, grown leaf by leaf', () => {
    const tree = new RecursiveTree(goldenEntries(0, 1_000));
    let edge = emptyEdge;
    expect(rootOf(edge)).toEqual(tree.root(0, 0));
    for (let size = 1; size <= 1_000; size += 1) {
      edge = growTree(edge, tree.leaf(size - 1)).edge;
      expect(rootOf(edge)).toEqual(tree.root(0, size));
    }
  });

  it('has the same root, edge and last files in whatever steps it grows', () => {
    const steps = fc.array(fc.integer({ min: 0, max: 700 }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(steps, (counts) => {
        const log = new MemoryLog();
        let size = 0;
        for (const count of counts) {
          log.append(goldenEntries(size, size + count));
          size += count;
        }
        const atOnce = growLog(emptyLog, goldenEntries(0, size));
        expect(log.edge).toEqual(atOnce.edge);
        for (const { path, bytes } of atOnce.written) {
          expect(log.files.get(path)).toEqual(Uint8Array.from(bytes));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('writes the tiles, and in them the hashes, that the Go checksum database would', () => {
    for (const { from, to, count, tiles, digest } of golden<Growth[]>('growth.json')) {
      const planned = [...tilesOfGrowth(BigInt(from), BigInt(to))].map(tilePath);
      const shortened = count > 8 ? [...planned.slice(0, 3), ...planned.slice(-3)] : planned;
      expect({ from, to, count: planned.length, tiles: shortened }).toEqual({
        from,
        to,
        count,
        tiles: tiles ?? [],
      });

      const before = growTree(emptyEdge, leafHashes(goldenEntries(0, from)));
      const { written } = growTree(before.edge, leafHashes(goldenEntries(from, to)));
      const byPath = new Map(written.map(({ tile, bytes }) => [tilePath(tile), bytes]));
      expect(byPath.size).toBe(count);
      const hash = createHash('sha256');
      for (const path of planned) {
        hash.update(`${path}\n`).update(byPath.get(path) ?? new Uint8Array(0));
      }
      expect(hash.digest('hex')).toBe(digest);
    }
  });

  it('writes exactly the tiles and bundles that its plan names', () => {
    const sizes = fc
      .tuple(fc.nat(2_000), fc.nat(2_000))
      .map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
    fc.assert(
      fc.property(sizes, ([from, to]) => {
        const { edge } = growLog(emptyLog, goldenEntries(0, from));
        const { written } = growLog(edge, goldenEntries(from, to));
        const [a, b] = [BigInt(from), BigInt(to)];
        const planned = [
          ...[...bundlesOfGrowth(a, b)].map(entriesPath),
          ...[...tilesOfGrowth(a, b)].map(tilePath),
        ];
        expect(written.map(({ path }) => path).sort()).toEqual(planned.sort());
        expect(written.every(({ path, full }) => full !== path.includes('.p/'))).toBe(true);
      }),
      { numRuns: 50 },
    );
  });

  it('leaves the edge that it grew from as it was', () => {
    const { edge } = growLog(emptyLog, goldenEntries(0, 300));
    const before = inHex(edge);
    const once = growLog(edge, goldenEntries(300, 900));
    const again = growLog(edge, goldenEntries(300, 900));
    expect(inHex(edge)).toEqual(before);
    expect(again).toEqual(once);
  });

  it('grows by nothing into itself, and refuses to shrink', () => {
    const { edge } = growLog(emptyLog, goldenEntries(0, 3));
    expect(growLog(edge, [])).toEqual({ edge, written: [], leaves: Buffer.alloc(0) });
    expect(() => [...tilesOfGrowth(2n, 1n)]).toThrow(expect.objectContaining({ code: 'bad-size' }));
  });

  it('goes on from its files, at any size and also where partial files are gone', async () => {
    const whole = logOfEverySize(600);
    for (const size of [0, 1, 2, 255, 256, 257, 511, 512, 513, 600]) {
      const expected = growLog(emptyLog, goldenEntries(0, size)).edge;
      expect(inHex(await readEdge(whole, BigInt(size)))).toEqual(inHex(expected));
    }
    const tidied = logOfEverySize(600);
    for (const path of tidied.files.keys()) {
      if (/(?:0|entries)\/00[01]\.p/.test(path)) {
        tidied.files.delete(path);
      }
    }
    expect(inHex(await readEdge(tidied, 500n))).toEqual(inHex(growLog(emptyLog, goldenEntries(0, 500)).edge));
  });

  it('refuses an edge that is not of its size', () => {
    const { tree } = growLog(emptyLog, goldenEntries(0, 300)).edge;
    for (const size of [0n, 299n, 301n, 44n, 65_536n]) {
      expect(() => assertEdge({ ...tree, size })).toThrow(expect.objectContaining({ code: 'edge-mismatch' }));
    }
    expect(() => growTree({ ...tree, size: 299n }, new Uint8Array(32))).toThrow(
      expect.objectContaining({ code: 'edge-mismatch' }),
    );
    const endless = { ...tree, frontier: new Uint8Array(32 * 100) };
    expect(() => growTree(endless, new Uint8Array(32))).toThrow(
      expect.objectContaining({ code: 'edge-mismatch' }),
    );
    const [one, two] = [1, 2].map((size) => growLog(emptyLog, goldenEntries(0, size)).edge.bundle);
    for (const bundle of [one, two, new Uint8Array(1)]) {
      const spoilt = { tree, bundle: bundle ?? new Uint8Array(0) };
      expect(() => growLog(spoilt, [])).toThrow(expect.objectContaining({ code: 'bad-bundle' }));
    }
    expect(() => growTree(tree, new Uint8Array(33))).toThrow(expect.objectContaining({ code: 'bad-hash' }));
  });

  it('has the roots that Go has', () => {
    for (const { size, root } of golden<{ size: number; root: string }[]>('trees.json')) {
      const { edge } = growTree(emptyEdge, leafHashes(goldenEntries(0, size)));
      expect(Buffer.from(rootOf(edge))).toEqual(base64(root));
    }
  });
});

describe('entry bundles', () => {
  it('hold each entry behind its length in two big-endian bytes', () => {
    expect(encodeEntries([Buffer.from('ab'), new Uint8Array(0), Buffer.alloc(258, 1)])).toEqual(
      Buffer.concat([Buffer.from('\0\x02ab\0\0\x01\x02', 'latin1'), Buffer.alloc(258, 1)]),
    );
  });

  it('give back the entries that went in, up to the longest', () => {
    const entries = [new Uint8Array(0), Buffer.alloc(MAX_ENTRY_BYTES, 7), goldenEntry(3)];
    expect(parseBundle(encodeEntries(entries), 3).map((entry) => Buffer.from(entry))).toEqual(
      entries.map((entry) => Buffer.from(entry)),
    );
  });

  it('refuse an entry whose length two bytes can not hold', () => {
    expect(() => growLog(emptyLog, [new Uint8Array(MAX_ENTRY_BYTES + 1)])).toThrow(
      expect.objectContaining({ code: 'bad-entry' }),
    );
  });

  it('are refused when cut short, lengthened, or of another width', () => {
    const bundle = encodeEntries(goldenEntries(0, TILE_WIDTH));
    for (let length = 0; length < bundle.length; length += 1) {
      expect(() => parseBundle(bundle.subarray(0, length), TILE_WIDTH)).toThrow(
        expect.objectContaining({ code: 'bad-bundle' }),
      );
    }
    for (const [bytes, width] of [
      [Buffer.concat([bundle, Buffer.alloc(1)]), TILE_WIDTH],
      [Buffer.concat([bundle, Buffer.alloc(2)]), TILE_WIDTH],
      [bundle, TILE_WIDTH - 1],
    ] as const) {
      expect(() => parseBundle(bytes, width)).toThrow(expect.objectContaining({ code: 'bad-bundle' }));
    }
  });
});

/** An edge in a form that compares bytes, whatever kind of array they are in. */
function inHex({ tree, bundle }: LogEdge) {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
  return {
    size: tree.size,
    frontier: hex(tree.frontier),
    tiles: tree.tiles.map(hex),
    bundle: hex(bundle),
  };
}
