import { TransparencyLogError } from '../errors.ts';
import { type BundleId, MAX_TILE_LEVEL, TILE_HEIGHT, TILE_WIDTH, type TileId } from './tile.ts';

/** Where the checkpoint is served, under the log's prefix. */
export const CHECKPOINT_PATH = 'checkpoint';

/** The longest path there is: a tile of level 63 with an index of six elements and a partial suffix is shorter. */
const MAX_PATH_LENGTH = 64;

/** No level-0 tile of a tree of at most 2^64 − 1 leaves has a higher index. */
const MAX_TILE_INDEX = (1n << BigInt(64 - TILE_HEIGHT)) - 1n;

const TILE_PATH = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/)*[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/** What a path under the log's prefix names. */
export type LogResource =
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'tile'; readonly tile: TileId }
  | { readonly kind: 'entries'; readonly bundle: BundleId };

/** `tile/<L>/<N>[.p/<W>]`, such as `tile/0/x001/x234/067.p/8`. Throws `bad-path` where the numbers are no tile's. */
export function tilePath({ level, index, width }: TileId): string {
  if (!Number.isInteger(level) || level < 0 || level > MAX_TILE_LEVEL) {
    throw new TransparencyLogError(
      'bad-path',
      `a tile's level lies between 0 and ${MAX_TILE_LEVEL}; got ${level}`,
    );
  }
  return `tile/${level}/${indexPath(index)}${partialSuffix(width)}`;
}

/** `tile/entries/<N>[.p/<W>]`. Throws `bad-path` where the numbers are no bundle's. */
export function entriesPath({ index, width }: BundleId): string {
  return `tile/entries/${indexPath(index)}${partialSuffix(width)}`;
}

/**
 * What a path names, in the one spelling that the specification gives it: no leading zeros or slashes, widths of partial
 * tiles from 1 to 255. Throws `bad-path` for every other text, which a server answers with 404.
 */
export function parsePath(path: string): LogResource {
  if (path === CHECKPOINT_PATH) {
    return { kind: 'checkpoint' };
  }
  const match = path.length <= MAX_PATH_LENGTH ? TILE_PATH.exec(path) : null;
  const [, level, elements, partial] = match ?? [];
  if (level === undefined || elements === undefined) {
    throw notAPath();
  }
  const index = BigInt(elements.replaceAll(/[x/]/g, ''));
  const width = partial === undefined ? TILE_WIDTH : Number(partial);
  if (indexPath(index) !== elements || (partial !== undefined && width >= TILE_WIDTH)) {
    throw notAPath();
  }
  if (level === 'entries') {
    return { kind: 'entries', bundle: { index, width } };
  }
  if (Number(level) > MAX_TILE_LEVEL) {
    throw notAPath();
  }
  return { kind: 'tile', tile: { level: Number(level), index, width } };
}

function indexPath(index: bigint): string {
  if (index < 0n || index > MAX_TILE_INDEX) {
    throw new TransparencyLogError('bad-path', `a tile's index lies between 0 and 2^56 - 1; got ${index}`);
  }
  const digits = index.toString();
  const padded = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  const elements = padded.match(/.{3}/g) ?? [];
  return elements.map((element, at) => (at === elements.length - 1 ? element : `x${element}`)).join('/');
}

function partialSuffix(width: number): string {
  if (!Number.isInteger(width) || width < 1 || width > TILE_WIDTH) {
    throw new TransparencyLogError('bad-path', `a tile is 1 to ${TILE_WIDTH} wide; got ${width}`);
  }
  return width === TILE_WIDTH ? '' : `.p/${width}`;
}

function notAPath(): TransparencyLogError {
  return new TransparencyLogError('bad-path', 'this path names no checkpoint, tile or entry bundle of a log');
}
