import { Amount, MoneyError, multiplyPrice } from '@tollgate/money';
import { PricingError } from './errors.ts';

const POWER_OF_TEN = /^10*$/;

/**
 * The price of one token, exact: a price per a power of ten of tokens always is a decimal, which is why no other
 * `per_quantity` is accepted.
 *
 * @param amount a decimal from zero, such as `0.54`
 * @param perQuantity how many tokens `amount` pays for: 1, 10, … 1000000 …
 * @throws PricingError `price_invalid`
 */
export function unitPrice(amount: string, perQuantity: number): Amount {
  if (!POWER_OF_TEN.test(String(perQuantity))) {
    throw new PricingError(
      'price_invalid',
      'per_quantity: must be a power of ten (1, 1000, 1000000 …), so that every amount is an exact decimal',
    );
  }
  const price = decimalFromZero(amount);
  return multiplyPrice(1, { price, unitSize: perQuantity });
}

/** Quantity × price, exact, without trailing zeros: `2400` tokens at 0.54 per million are `0.001296`. */
export function amountOf(unit: Amount, quantity: number | bigint): string {
  return unit.times(quantity).toString();
}

function decimalFromZero(text: string): Amount {
  try {
    const amount = Amount.of(text);
    if (amount.sign() >= 0) return amount;
  } catch (error) {
    if (!(error instanceof MoneyError)) throw error;
  }
  throw new PricingError('price_invalid', 'amount: must be a decimal from zero, such as 0.54');
}
