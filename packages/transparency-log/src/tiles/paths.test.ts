import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { entriesPath, parsePath, tilePath } from './paths.ts';
import { edgeTiles, TILE_WIDTH } from './tile.ts';

describe('paths of a log', () => {
  it.each([
    [0, 0n, 256, 'tile/0/000'],
    [0, 1_234_067n, 256, 'tile/0/x001/x234/067'],
    [0, 1_234_067n, 8, 'tile/0/x001/x234/067.p/8'],
    [1, 1_000n, 1, 'tile/1/x001/000.p/1'],
    [63, 2n ** 56n - 1n, 255, 'tile/63/x072/x057/x594/x037/x927/935.p/255'],
  ])('name the tile at level %i, index %s, of width %i', (level, index, width, path) => {
    expect(tilePath({ level, index, width })).toBe(path);
    expect(parsePath(path)).toEqual({ kind: 'tile', tile: { level, index, width } });
  });

  it('name entry bundles and the checkpoint', () => {
    expect(entriesPath({ index: 999n, width: 256 })).toBe('tile/entries/999');
    expect(entriesPath({ index: 1_000n, width: 17 })).toBe('tile/entries/x001/000.p/17');
    expect(parsePath('tile/entries/x001/000.p/17')).toEqual({
      kind: 'entries',
      bundle: { index: 1_000n, width: 17 },
    });
    expect(parsePath('checkpoint')).toEqual({ kind: 'checkpoint' });
  });

  it('are read back as they were written', () => {
    const ids = fc.record({
      level: fc.integer({ min: 0, max: 63 }),
      index: fc.bigInt({ min: 0n, max: 2n ** 56n - 1n }),
      width: fc.integer({ min: 1, max: TILE_WIDTH }),
    });
    fc.assert(
      fc.property(ids, (tile) => {
        expect(parsePath(tilePath(tile))).toEqual({ kind: 'tile', tile });
      }),
    );
  });

  it.each([
    '',
    '/checkpoint',
    'checkpoint/',
    'tile/0',
    'tile/00/000',
    'tile/64/000',
    'tile/-1/000',
    'tile/0/0',
    'tile/0/0000',
    'tile/0/x000/001',
    'tile/0/001/001',
    'tile/0/x001',
    'tile/0/000.p/0',
    'tile/0/000.p/01',
    'tile/0/000.p/256',
    'tile/0/000.p',
    'tile/0/000.p/',
    'tile/0/000/',
    'tile/0/000\n',
    'tile/0/x072/x057/x594/x037/x927/936',
    `tile/0/${'x999/'.repeat(1_000)}999`,
    'tile/entries',
    'tile/entries/../000',
    'tile/8/0/000',
    'tile/0/٠٠٠',
  ])('are refused when spelt otherwise: %j', (path) => {
    expect(() => parsePath(path)).toThrow(expect.objectContaining({ code: 'bad-path' }));
  });

  it.each([
    { level: 64, index: 0n, width: 256 },
    { level: 0, index: -1n, width: 256 },
    { level: 0, index: 2n ** 56n, width: 256 },
    { level: 0, index: 0n, width: 0 },
    { level: 0, index: 0n, width: 257 },
    { level: 0.5, index: 0n, width: 256 },
  ])('are not made of numbers that are no tile: %o', (tile) => {
    expect(() => tilePath(tile)).toThrow(expect.objectContaining({ code: 'bad-path' }));
  });
});

describe('the tiles at the edge of a tree', () => {
  it('are those of the specification at 70,000 and at 256 leaves', () => {
    expect(edgeTiles(70_000n).map(tilePath)).toEqual([
      'tile/0/273.p/112',
      'tile/1/001.p/17',
      'tile/2/000.p/1',
    ]);
    expect(edgeTiles(256n).map(tilePath)).toEqual(['tile/1/000.p/1']);
    expect(edgeTiles(0n)).toEqual([]);
  });
});
