import { type Transaction, textColumn } from '@tollgate/database';
import type { TimeZones } from './directory-time-zones.ts';

const FIX = `
  INSERT INTO billing_calendar (organisation_id, time_zone, fixed_at)
  SELECT organisation_id, time_zone, $3::timestamptz
  FROM unnest($1::text[], $2::text[]) AS zone (organisation_id, time_zone)
  ON CONFLICT (organisation_id) DO NOTHING
  RETURNING organisation_id`;

const READ = `SELECT organisation_id, time_zone FROM billing_calendar WHERE organisation_id = ANY($1::text[])`;

/**
 * The billing time zone of each organisation, fixed for good by the first usage that is charged after the
 * directory told it: a change in the directory must not move usage between months that are already reported.
 */
export class BillingCalendar {
  readonly #directory: TimeZones;
  readonly #now: () => Date;
  /** Only what an earlier transaction has committed. */
  readonly #fixed = new Map<string, string>();

  constructor(directory: TimeZones, now: () => Date) {
    this.#directory = directory;
    this.#now = now;
  }

  /** The zones of these organisations; those that neither the table nor the directory knows are missing. */
  async zonesOf(tx: Transaction, organisationIds: ReadonlySet<string>): Promise<ReadonlyMap<string, string>> {
    const unknown = [...organisationIds].filter((id) => !this.#fixed.has(id)).sort();
    if (unknown.length === 0) return this.#fixed;
    await this.#directory.known(new Set(unknown));
    const told = unknown.flatMap((id) => {
      const timeZone = this.#directory.of(id);
      return timeZone === undefined ? [] : [{ id, timeZone }];
    });
    const inserted = await tx.query<{ organisation_id: string }>({
      name: 'fix-billing-calendar',
      text: FIX,
      values: [
        textColumn(told, ({ id }) => id),
        textColumn(told, ({ timeZone }) => timeZone),
        this.#now().toISOString(),
      ],
    });
    const { rows } = await tx.query<{ organisation_id: string; time_zone: string }>({
      name: 'read-billing-calendar',
      text: READ,
      values: [textColumn(unknown, (id) => id)],
    });
    const fresh = new Set(inserted.rows.map((row) => row.organisation_id));
    const zones = new Map(this.#fixed);
    for (const row of rows) {
      zones.set(row.organisation_id, row.time_zone);
      // What this transaction inserted may still be rolled back.
      if (!fresh.has(row.organisation_id)) this.#fixed.set(row.organisation_id, row.time_zone);
    }
    return zones;
  }
}
