import type { LimitData } from '@tollgate/events';
import { MONEY_SCALE } from '@tollgate/pricing';
import { LimitError } from './errors.ts';

/**
 * What limits are reckoned in, everywhere: a `bigint` that counts requests or tokens, or 10⁻¹⁸ of a currency.
 *
 * One type for all units keeps one arithmetic in the gateway and the service. A safe integer would hold 9,007 dollars
 * at 10⁻¹² and nothing finer; 10⁻¹⁸ holds every price per million tokens with up to twelve decimals exactly, is what
 * the lakehouse keeps (`DECIMAL(38, 18)`), and a `bigint` of that size costs some 30 ns per operation. On the wire and
 * in Postgres amounts are decimals (`formatUnits`, `parseUnits`).
 */
export type Units = bigint;

/** What can be limited so far; `concurrent-requests` of packages/events is to come. */
export const UNITS = ['requests', 'input-tokens', 'output-tokens', 'total-tokens', 'money'] as const;
export type Unit = (typeof UNITS)[number];

const DECIMAL = /^(-?)(\d{1,30})(?:\.(\d{1,30}))?$/;
const TRAILING_ZEROS = /0+$/;

/** Digits behind the point that a unit has: none where it counts things. */
export function scaleOf(unit: Unit): number {
  return unit === 'money' ? MONEY_SCALE : 0;
}

/** Whether an event's unit is one of ours. */
export function isUnit(unit: LimitData['unit']): unit is Unit {
  return (UNITS as readonly string[]).includes(unit);
}

/**
 * A decimal such as `12.5` in the unit's smallest part, exactly.
 *
 * @throws LimitError `amount_invalid` for other texts, and for what is finer than the unit
 */
export function parseUnits(unit: Unit, text: string): Units {
  const match = DECIMAL.exec(text);
  const scale = scaleOf(unit);
  const fraction = (match?.[3] ?? '').replace(TRAILING_ZEROS, '');
  if (match === null || fraction.length > scale) {
    throw new LimitError(
      'amount_invalid',
      scale === 0
        ? `'${text.slice(0, 40)}' is not a whole number, which ${unit} are counted in`
        : `'${text.slice(0, 40)}' is not a decimal with up to ${scale} digits behind the point`,
    );
  }
  return BigInt(`${match[1]}${match[2]}${fraction.padEnd(scale, '0')}`);
}

/** The canonical decimal: no exponent, no zeros that could be left away. */
export function formatUnits(unit: Unit, units: Units): string {
  const scale = scaleOf(unit);
  if (scale === 0) return units.toString();
  const sign = units < 0n ? '-' : '';
  const digits = (units < 0n ? -units : units).toString().padStart(scale + 1, '0');
  const fraction = digits.slice(-scale).replace(TRAILING_ZEROS, '');
  return `${sign}${digits.slice(0, -scale)}${fraction === '' ? '' : `.${fraction}`}`;
}
