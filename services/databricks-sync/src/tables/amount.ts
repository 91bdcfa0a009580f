import { AMOUNT_DIGITS, AMOUNT_SCALE } from './columns.ts';

const DECIMAL = /^-?0*(\d*?)(?:\.(\d*?)0*)?$/;

/**
 * Whether DECIMAL(38,18) holds a decimal text exactly: a CAST rounds what it can't, and says nothing.
 */
export function isRepresentable(amount: string): boolean {
  const match = DECIMAL.exec(amount);
  if (match === null) return false;
  const [, whole = '', fraction = ''] = match;
  return whole.length <= AMOUNT_DIGITS - AMOUNT_SCALE && fraction.length <= AMOUNT_SCALE;
}
