/** How quantities become money. */
export { type Cost, MONEY_SCALE } from './cost.ts';
