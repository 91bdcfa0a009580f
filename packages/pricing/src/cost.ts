/** Digits behind the point of money in whole numbers: those of the lakehouse's `DECIMAL(38, 18)`. */
export const MONEY_SCALE = 18;

/** What a usage costs, in whole numbers of 10^−`MONEY_SCALE` of a currency. */
export type Cost = {
  readonly amount: bigint;
  /** Null where nothing has a price: of no tokens, of included capacity, or unpriced. */
  readonly currency: string | null;
  /** Whether some of it has no price, so that the amount is not all of it. */
  readonly unpriced: boolean;
};
