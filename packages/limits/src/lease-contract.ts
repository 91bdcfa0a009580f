import { z } from 'zod';

/**
 * `POST /v1/leases` of the budgets service, scope `budgets:lease`: the one call by which a gateway takes quota, reports
 * what it used of it, and gives the rest back. A few calls per second carry everything, whatever the traffic.
 *
 * What the service promises:
 * - The sum of what is granted never exceeds the limit, per limit and window.
 * - A want is known by the `lease_id` that the gateway made: the same call again, after a lost reply, returns the same
 *   lease, with what it was granted the first time.
 * - Reports are applied before wants, so what a call gives back it can be given again.
 * - A lease that is reported on in time stays: each report renews it. `settled` is cumulative, and the greatest counts.
 *
 * What the gateway promises:
 * - A request draws, per limit that applies, on one lease, of the window that holds its arrival (`windowAt`), and its
 *   decision and usage events name those leases. Settling is by `usedOf`, so that the usage events come to the same sum.
 * - It stops reserving from a lease `expires_in_ms` after it *sent* the call that granted or renewed it.
 * - `final` means: nothing draws on the lease any more, and `settled` is all there was. It may come after the expiry.
 * - A lease that is too small for what comes next is reported as final, and a new one wanted in the same call.
 *
 * A want is granted at most half of what is left of the window, so that instances share the rest, yet at least its
 * `minimum` where that much is left; less than `minimum` is never granted.
 */
export const LEASES_PATH = '/v1/leases';

/** Reports, and wants, in one call at most. */
export const MAX_LEASE_ITEMS = 1_000;
/** How long before a window begins its first leases can be taken. */
export const MAX_LEASE_LOOKAHEAD_MS = 60_000;
/** How long after a window has ended leases of it can still be taken: for clocks that are behind the service's. */
export const MAX_LEASE_LATENESS_MS = 60_000;

const decimal = z.string().regex(/^\d{1,30}(\.\d{1,30})?$/, 'must be a decimal from zero');
const instant = z.iso.datetime();
const leaseId = z.uuid().regex(/^[0-9a-f-]+$/, 'must be in lower case');
const limitId = z.string().min(1).max(128);

/** How much of a lease is used up so far. */
export const leaseReport = z
  .strictObject({
    lease_id: leaseId,
    /** Cumulative, in the limit's unit. */
    settled: decimal,
    final: z.boolean(),
  })
  .meta({ id: 'LeaseReport' });

/** A lease to be had. */
export const leaseWant = z
  .strictObject({
    /** Made by the gateway (UUID version 7): the same id is the same want. */
    lease_id: leaseId,
    limit_id: limitId,
    window_starts_at: instant,
    /** What would be best, such as two seconds' recent use. */
    amount: decimal,
    /** The least that is of any use, such as the reservation that waits; from 1 (tokens, requests) or above zero. */
    minimum: decimal,
  })
  .meta({ id: 'LeaseWant' });

export const leaseCall = z
  .strictObject({
    /** Name of the gateway instance. */
    instance: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
    /** The source that the usage events will come from: `/gateways/<instance>/<epoch>`. */
    source: z.string().regex(/^\/gateways\/[A-Za-z0-9._-]{1,64}\/[A-Za-z0-9-]{1,64}$/),
    reports: z.array(leaseReport).max(MAX_LEASE_ITEMS),

    wants: z.array(leaseWant).max(MAX_LEASE_ITEMS),
  })
  .refine(({ instance, source }) => source.split('/')[2] === instance, {
    path: ['source'],
    error: 'must be one of the instance',
  })
  .meta({ id: 'LeaseCall' });

/** A lease that was granted, now or by an earlier call of the same id. */
export const grantedLease = z
  .object({
    lease_id: leaseId,
    limit_id: limitId,
    window_starts_at: instant,
    window_ends_at: instant,
    granted: decimal,
    expires_at: instant,
    /** The same as a duration, for clocks that differ. */
    expires_in_ms: z.int().min(0),
  })
  .meta({ id: 'GrantedLease' });

/**
 * Why a want got nothing. `exhausted`: less than its minimum is left, for now; what other instances give back can be
 * had before the window ends. `limit_unknown`: deleted, or not heard of yet. `window_invalid`: no window of the limit
 * begins then. `window_closed`: too early, or over. `want_invalid`: amount or minimum does not fit the unit.
 * `lease_closed`: the id was used, and that lease is closed.
 */
export const leaseRefusal = z
  .object({
    lease_id: leaseId,
    limit_id: limitId,
    code: z.enum([
      'exhausted',
      'limit_unknown',
      'window_invalid',
      'window_closed',
      'want_invalid',
      'lease_closed',
    ]),
  })
  .meta({ id: 'LeaseRefusal' });

/**
 * What became of a report. `open`: renewed until `expires_at`. `closed`: final, now or earlier; nothing may be drawn
 * on it any more. `unknown`: no such lease of this instance; forget it.
 */
export const reportedLease = z
  .object({
    lease_id: leaseId,
    state: z.enum(['open', 'closed', 'unknown']),
    expires_at: instant.nullable(),
    expires_in_ms: z.int().min(0).nullable(),
  })
  .meta({ id: 'ReportedLease' });

/** How a limit's window stands after the call: one for each that a want or a report was about. */
export const windowState = z
  .object({
    limit_id: limitId,
    /** Version of the limit. */
    version: z.int().min(1),
    window_starts_at: instant,
    window_ends_at: instant,
    limit: decimal,
    /** Held by leases, of all instances. */
    granted: decimal,
    /** Of that, what is known to be used up. */
    settled: decimal,
    /** What can still be granted. */
    remaining: decimal,
  })
  .meta({ id: 'WindowState' });

export const leaseAnswer = z
  .object({
    leases: z.array(grantedLease),
    refused: z.array(leaseRefusal),
    reported: z.array(reportedLease),
    states: z.array(windowState),
  })
  .meta({ id: 'LeaseAnswer' });

export type LeaseCall = z.infer<typeof leaseCall>;
export type LeaseAnswer = z.infer<typeof leaseAnswer>;
export type LeaseReport = z.infer<typeof leaseReport>;
export type LeaseWant = z.infer<typeof leaseWant>;
export type GrantedLease = z.infer<typeof grantedLease>;
export type LeaseRefusal = z.infer<typeof leaseRefusal>;
export type ReportedLease = z.infer<typeof reportedLease>;
export type WindowState = z.infer<typeof windowState>;
