/** How usage is priced is in packages/pricing, since gateways and budgets reckon with the same rule. */
export type { ChargeLine, ChargeStatus } from '@tollgate/pricing';
