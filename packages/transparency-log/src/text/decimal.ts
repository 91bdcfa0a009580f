import { MAX_TREE_SIZE } from '../merkle/size.ts';

const CANONICAL = /^(?:0|[1-9][0-9]{0,19})$/;

/** The value of a decimal without leading zeros up to 2^64 − 1, as sizes and indexes are written; else undefined. */
export function parseDecimal(text: string): bigint | undefined {
  if (!CANONICAL.test(text)) {
    return undefined;
  }
  const value = BigInt(text);
  return value <= MAX_TREE_SIZE ? value : undefined;
}
