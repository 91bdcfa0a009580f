import Big from 'big.js';
import { MoneyError } from './errors.ts';

/** A constructor of our own, so that nobody's settings of the shared one reach us. */
const Decimal = Big();
// Refuses JS numbers and lossy conversions; integers come in as text.
Decimal.strict = true;

/** Longer texts are refused: no price, quantity or sum needs more, and a hostile one would cost time. */
const MAX_DECIMAL_CHARS = 200;
/** Decimals behind the point that may be asked for. */
const MAX_SCALE = 100;
const DECIMAL = /^-?\d+(?:\.\d+)?$/;

export type Rounding = 'half-even' | 'half-up';
const ROUNDING_MODE = { 'half-up': Big.roundHalfUp, 'half-even': Big.roundHalfEven } as const;

/** What an amount is made from: decimal text, or whole numbers. Fractions as JS numbers are refused. */
export type AmountLike = Amount | string | bigint | number;

/** An exact decimal, of money or of anything else. Immutable; every operation is exact unless it says that it rounds. */
export class Amount {
  static readonly zero: Amount = new Amount(new Decimal('0'));

  readonly #value: Big;

  private constructor(value: Big) {
    this.#value = value;
  }

  /**
   * Text such as `-12.340`, without exponent, sign `+` or spaces; a bigint; or a JS number that is a safe integer.
   * Throws `not-a-decimal` or `not-an-integer`.
   */
  static of(value: AmountLike): Amount {
    if (value instanceof Amount) return value;
    if (typeof value === 'number' && !Number.isSafeInteger(value)) {
      throw new MoneyError(
        'not-an-integer',
        `${value}: JS numbers are not exact; give a decimal string or a bigint.`,
      );
    }
    const text = String(value);
    if (text.length > MAX_DECIMAL_CHARS || !DECIMAL.test(text)) {
      const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
      throw new MoneyError(
        'not-a-decimal',
        `"${shown}": give a decimal such as -12.34, at most ${MAX_DECIMAL_CHARS} characters.`,
      );
    }
    return new Amount(new Decimal(text));
  }

  /** `units` × 10^−`scale`: 1234 at scale 2 is 12.34. */
  static ofUnits(units: bigint, scale: number): Amount {
    checkScale(scale);
    return new Amount(new Decimal(`${units}e-${scale}`));
  }

  /** The sum; zero of nothing. */
  static sum(amounts: Iterable<Amount>): Amount {
    let total = Amount.zero;
    for (const amount of amounts) total = total.plus(amount);
    return total;
  }

  plus(other: Amount): Amount {
    return new Amount(this.#value.plus(other.#value));
  }

  minus(other: Amount): Amount {
    return new Amount(this.#value.minus(other.#value));
  }

  times(factor: AmountLike): Amount {
    return new Amount(this.#value.times(Amount.of(factor).#value));
  }

  negated(): Amount {
    return new Amount(this.#value.neg());
  }

  /** Negative, zero or positive, as `sort` wants it. */
  compare(other: Amount): -1 | 0 | 1 {
    return this.#value.cmp(other.#value);
  }

  equals(other: Amount): boolean {
    return this.#value.eq(other.#value);
  }

  sign(): -1 | 0 | 1 {
    return this.compare(Amount.zero);
  }

  /** Digits behind the point that the canonical form needs. */
  scale(): number {
    const text = this.toString();
    const point = text.indexOf('.');
    return point < 0 ? 0 : text.length - point - 1;
  }

  /** Rounded to `scale` digits behind the point. The difference is the caller's to account for. */
  rounded(scale: number, rounding: Rounding): Amount {
    checkScale(scale);
    return new Amount(this.#value.round(scale, ROUNDING_MODE[rounding]));
  }

  /** How many 10^−`scale` it is. Throws `finer-than-scale` where that is no whole number. */
  toUnits(scale: number): bigint {
    checkScale(scale);
    if (this.scale() > scale) {
      throw new MoneyError(
        'finer-than-scale',
        `${this} has more than ${scale} digits behind the point; round it first.`,
      );
    }
    return BigInt(this.toFixed(scale).replace('.', ''));
  }

  /** With exactly `scale` digits behind the point. Throws `finer-than-scale` rather than round. */
  toFixed(scale: number): string {
    checkScale(scale);
    if (this.scale() > scale) {
      throw new MoneyError(
        'finer-than-scale',
        `${this} has more than ${scale} digits behind the point; round it first.`,
      );
    }
    return this.sign() === 0 ? new Decimal('0').toFixed(scale) : this.#value.toFixed(scale);
  }

  /** Canonical form: plain digits, no exponent, no zeros that could be left away, no negative zero. */
  toString(): string {
    return this.#value.eq('0') ? '0' : this.#value.toFixed();
  }

  /** JSON holds the canonical text, since JSON numbers are read as floats. */
  toJSON(): string {
    return this.toString();
  }
}

function checkScale(scale: number): void {
  if (!Number.isSafeInteger(scale) || scale < 0 || scale > MAX_SCALE) {
    throw new MoneyError('bad-scale', `A scale is a whole number from 0 to ${MAX_SCALE}, not ${scale}.`);
  }
}
