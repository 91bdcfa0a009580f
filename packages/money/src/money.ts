import { Amount, type AmountLike, type Rounding } from './amount.ts';
import { type CurrencyCode, currencyOf } from './currency.ts';
import { MoneyError } from './errors.ts';

/** An amount of one currency. Immutable; amounts of different currencies never meet. */
export class Money {
  readonly amount: Amount;
  readonly currency: CurrencyCode;

  private constructor(amount: Amount, currency: CurrencyCode) {
    this.amount = amount;
    this.currency = currency;
    Object.freeze(this);
  }

  /** Throws `bad-currency` and what `Amount.of` throws. */
  static of(amount: AmountLike, currency: string): Money {
    return new Money(Amount.of(amount), currencyOf(currency));
  }

  /** The sum in this currency; zero of nothing. Throws `currency-mismatch`. */
  static sum(moneys: Iterable<Money>, currency: string): Money {
    let total = Money.of(Amount.zero, currency);
    for (const money of moneys) total = total.plus(money);
    return total;
  }

  /** Throws `currency-mismatch`. */
  plus(other: Money): Money {
    return this.#with(this.amount.plus(this.#sameCurrency(other)));
  }

  /** Throws `currency-mismatch`. */
  minus(other: Money): Money {
    return this.#with(this.amount.minus(this.#sameCurrency(other)));
  }

  times(factor: AmountLike): Money {
    return this.#with(this.amount.times(factor));
  }

  negated(): Money {
    return this.#with(this.amount.negated());
  }

  rounded(scale: number, rounding: Rounding): Money {
    return this.#with(this.amount.rounded(scale, rounding));
  }

  /** Throws `currency-mismatch`. */
  compare(other: Money): -1 | 0 | 1 {
    return this.amount.compare(this.#sameCurrency(other));
  }

  /** Whether amount and currency are the same; different currencies are not an error here. */
  equals(other: Money): boolean {
    return this.currency === other.currency && this.amount.equals(other.amount);
  }

  /** `12.34 EUR`. */
  toString(): string {
    return `${this.amount} ${this.currency}`;
  }

  toJSON(): { readonly amount: string; readonly currency: string } {
    return { amount: this.amount.toString(), currency: this.currency };
  }

  #with(amount: Amount): Money {
    return new Money(amount, this.currency);
  }

  #sameCurrency(other: Money): Amount {
    if (other.currency === this.currency) return other.amount;
    throw new MoneyError(
      'currency-mismatch',
      `${this.currency} and ${other.currency} can't be reckoned together; convert one.`,
    );
  }
}
