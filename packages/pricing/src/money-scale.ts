/** Digits behind the point of money in whole numbers: those of the lakehouse's `DECIMAL(38, 18)`. */
export const MONEY_SCALE = 18;
