import { MoneyError } from './errors.ts';

declare const currencyCode: unique symbol;

/** Three capital letters, as ISO 4217 has them. */
export type CurrencyCode = string & { readonly [currencyCode]: true };

/** Reads a currency code. Throws `bad-currency`. */
export function currencyOf(code: string): CurrencyCode {
  if (isCurrencyCode(code)) return code;
  throw new MoneyError(
    'bad-currency',
    `A currency is three capital letters, such as EUR, not "${code.slice(0, 10)}".`,
  );
}

function isCurrencyCode(code: string): code is CurrencyCode {
  return /^[A-Z]{3}$/.test(code);
}
