import { enqueueBatch } from '@tollgate/bus';
import {
  boolColumn,
  int4Column,
  int8Column,
  numericColumn,
  type Transaction,
  textColumn,
  timestamptzColumn,
  uuidColumn,
} from '@tollgate/database';
import { hourMicros } from '../time/instant.ts';
import type { AttributionRow } from './attribution-id.ts';
import { chargeEvents } from './charge-events.ts';
import type { Charge, ChargedUsage } from './charged-usage.ts';
import { amountOfHour, type ChargeHour, type HourKey, rollUp, type UsageHour } from './rollup.ts';

/**
 * The writes of one batch. Order of locks, the same in every transaction: attributions, usage, rollups, each
 * sorted by key.
 */

const INSERT_ATTRIBUTIONS = `
  INSERT INTO attribution (attribution_id, organisation_id, team_id, project_id, cost_centre_id, principal_type,
    principal_id, key_id, requested_model, served_model, target_id, serving_mode, region, tags)
  SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], $13::text[], $14::text[]::jsonb[])
  ON CONFLICT (attribution_id) DO NOTHING
  RETURNING attribution_id`;

const INSERT_USAGE = `
  WITH inserted AS (
  INSERT INTO usage (event_id, request_id, client_request_id, attribution_id, requested_at, billing_period,
    time_zone_assumed, attempt, final, outcome, fidelity, input_tokens, output_tokens, cached_input_tokens,
    cache_creation_tokens, reasoning_tokens, currency, source, sequence)
  SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::timestamptz[], $6::text[],
    $7::boolean[], $8::integer[], $9::boolean[], $10::text[], $11::text[], $12::bigint[], $13::bigint[],
    $14::bigint[], $15::bigint[], $16::bigint[], $17::text[], $18::text[], $19::bigint[])
  ON CONFLICT (event_id) DO NOTHING
  RETURNING event_id
  )
  -- Which ones is told only where it is not all of them: nearly always it is.
  SELECT count(*)::integer AS count, CASE WHEN count(*) < $20::integer THEN array_agg(event_id) END AS event_ids
  FROM inserted`;

/* Returns the amounts in the order of the lines: what is published is what is stored. */
const INSERT_CHARGES = `
  WITH line AS MATERIALIZED (
    SELECT usage_event_id, token_class, quantity, status, price_id, trim_scale(quantity * unit_price) AS amount,
      currency, n
    FROM unnest($1::uuid[], $2::text[], $3::bigint[], $4::text[], $5::uuid[], $6::numeric[], $7::text[])
      WITH ORDINALITY AS line (usage_event_id, token_class, quantity, status, price_id, unit_price, currency, n)
  ), inserted AS (
    INSERT INTO charge (usage_event_id, token_class, quantity, status, price_id, amount, currency)
    SELECT usage_event_id, token_class, quantity, status, price_id, amount, currency FROM line
  )
  SELECT json_agg(amount::text ORDER BY n) AS amounts FROM line`;

const ADD_USAGE_HOURS = `
  INSERT INTO usage_hour AS stored (hour, attribution_id, billing_period, outcome, fidelity, currency, requests,
    attempts, input_tokens, output_tokens, cached_input_tokens, cache_creation_tokens, reasoning_tokens,
    time_zone_assumed)
  SELECT * FROM unnest($1::timestamptz[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[],
    $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[], $11::bigint[], $12::bigint[], $13::bigint[],
    $14::bigint[])
  ON CONFLICT (hour, attribution_id, billing_period, outcome, fidelity, currency) DO UPDATE SET
    requests = stored.requests + excluded.requests,
    attempts = stored.attempts + excluded.attempts,
    input_tokens = stored.input_tokens + excluded.input_tokens,
    output_tokens = stored.output_tokens + excluded.output_tokens,
    cached_input_tokens = stored.cached_input_tokens + excluded.cached_input_tokens,
    cache_creation_tokens = stored.cache_creation_tokens + excluded.cache_creation_tokens,
    reasoning_tokens = stored.reasoning_tokens + excluded.reasoning_tokens,
    time_zone_assumed = stored.time_zone_assumed + excluded.time_zone_assumed`;

const ADD_CHARGE_HOURS = `
  INSERT INTO charge_hour AS stored (hour, attribution_id, billing_period, outcome, fidelity, token_class, status,
    price_id, currency, lines, quantity, amount)
  SELECT * FROM unnest($1::timestamptz[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
    $8::uuid[], $9::text[], $10::bigint[], $11::bigint[], $12::numeric[])
  ON CONFLICT (hour, attribution_id, billing_period, outcome, fidelity, token_class, status, price_id)
  DO UPDATE SET
    lines = stored.lines + excluded.lines,
    quantity = stored.quantity + excluded.quantity,
    amount = stored.amount + excluded.amount`;

/** Inserts attributions that may be new; returns the ids of those that were there, committed, before. */
export async function insertAttributions(
  tx: Transaction,
  rows: readonly AttributionRow[],
): Promise<readonly string[]> {
  const sorted = rows.toSorted((a, b) => (a.attributionId < b.attributionId ? -1 : 1));
  const of = (pick: (row: AttributionRow) => string | null): Buffer => textColumn(sorted, pick);
  const inserted = await tx.query<{ attribution_id: string }>({
    name: 'insert-attributions',
    text: INSERT_ATTRIBUTIONS,
    values: [
      uuidColumn(sorted, (row) => row.attributionId),
      of(({ attribution }) => attribution.organisation_id),
      of(({ attribution }) => attribution.team_id),
      of(({ attribution }) => attribution.project_id),
      of(({ attribution }) => attribution.cost_centre_id),
      of(({ attribution }) => attribution.principal_type),
      of(({ attribution }) => attribution.principal_id),
      of(({ attribution }) => attribution.key_id),
      of(({ attribution }) => attribution.requested_model),
      of(({ attribution }) => attribution.served_model),
      of(({ attribution }) => attribution.target_id),
      of(({ attribution }) => attribution.serving_mode),
      of(({ attribution }) => attribution.region),
      of(({ tagsJson }) => tagsJson),
    ],
  });
  const fresh = new Set(inserted.rows.map((row) => row.attribution_id));
  return sorted.map((row) => row.attributionId).filter((id) => !fresh.has(id));
}

/**
 * Inserts the usage of a batch, then charges, their events and rollups of exactly those events that had not been
 * there before.
 *
 * @param batch distinct by event id and sorted by it
 * @param nowMs when the charges are made, milliseconds since 1970
 * @returns those that were new
 */
export async function writeCharges(
  tx: Transaction,
  batch: readonly ChargedUsage[],
  nowMs: number,
): Promise<readonly ChargedUsage[]> {
  const fresh = await insertUsage(tx, batch);
  if (fresh.length === 0) return fresh;
  const charges = await insertCharges(tx, fresh);
  await enqueueBatch(tx, chargeEvents(charges, nowMs));
  const { usage, charges: chargeHours } = rollUp(fresh);
  await addUsageHours(tx, usage);
  if (chargeHours.length > 0) await addChargeHours(tx, chargeHours);
  return fresh;
}

/** Returns those that were not there before. */
async function insertUsage(
  tx: Transaction,
  batch: readonly ChargedUsage[],
): Promise<readonly ChargedUsage[]> {
  const uuid = (pick: (usage: ChargedUsage) => string): Buffer => uuidColumn(batch, pick);
  const text = (pick: (usage: ChargedUsage) => string | null): Buffer => textColumn(batch, pick);
  const int8 = (pick: (usage: ChargedUsage) => number): Buffer => int8Column(batch, pick);
  const { rows } = await tx.query<{ count: number; event_ids: readonly string[] | null }>({
    name: 'insert-usage',
    text: INSERT_USAGE,
    values: [
      uuid(({ event }) => event.id),
      uuid(({ event }) => event.subject),
      text(({ event }) => event.data.client_request_id),
      uuid(({ attributionRow }) => attributionRow.attributionId),
      timestamptzColumn(batch, ({ atMicros }) => atMicros),
      text(({ billingPeriod }) => billingPeriod),
      boolColumn(batch, ({ timeZoneAssumed }) => timeZoneAssumed),
      int4Column(batch, ({ event }) => event.data.attempt),
      boolColumn(batch, ({ event }) => event.data.final),
      text(({ event }) => event.data.outcome),
      text(({ event }) => event.data.fidelity),
      int8(({ event }) => event.data.quantities.input_tokens),
      int8(({ event }) => event.data.quantities.output_tokens),
      int8(({ event }) => event.data.quantities.cached_input_tokens),
      int8(({ event }) => event.data.quantities.cache_creation_tokens),
      int8(({ event }) => event.data.quantities.reasoning_tokens),
      text(({ currency }) => currency),
      text(({ event }) => event.source),
      int8(({ event }) => Number(event.sequence)),
      batch.length,
    ],
  });
  const [inserted] = rows;
  if (inserted?.count === batch.length) return batch;
  const ids = new Set(inserted?.event_ids);
  return batch.filter(({ event }) => ids.has(event.id));
}

async function insertCharges(tx: Transaction, batch: readonly ChargedUsage[]): Promise<readonly Charge[]> {
  const lines = batch.flatMap((usage) => usage.lines.map((line) => ({ usage, line })));
  if (lines.length === 0) return [];
  const text = (pick: (charge: (typeof lines)[number]) => string | null): Buffer => textColumn(lines, pick);
  const { rows } = await tx.query<{ amounts: readonly (string | null)[] }>({
    name: 'insert-charges',
    text: INSERT_CHARGES,
    values: [
      uuidColumn(lines, ({ usage }) => usage.event.id),
      text(({ line }) => line.tokenClass),
      int8Column(lines, ({ line }) => line.quantity),
      text(({ line }) => line.status),
      uuidColumn(lines, ({ line }) => line.price?.data.price_id ?? null),
      numericColumn(lines, ({ line }) => line.unitPrice),
      text(({ line }) => line.price?.data.currency ?? null),
    ],
  });
  const amounts = rows[0]?.amounts ?? [];
  return lines.map(({ usage, line }, index) => ({ usage, line, amount: amounts[index] ?? null }));
}

async function addUsageHours(tx: Transaction, rows: readonly UsageHour[]): Promise<void> {
  const int8 = (pick: (row: UsageHour) => number): Buffer => int8Column(rows, pick);
  await tx.query({
    name: 'add-usage-hours',
    text: ADD_USAGE_HOURS,
    values: [
      ...keyColumns(rows),
      textColumn(rows, (row) => row.currency),
      int8((row) => row.requests),
      int8((row) => row.attempts),
      int8((row) => row.inputTokens),
      int8((row) => row.outputTokens),
      int8((row) => row.cachedInputTokens),
      int8((row) => row.cacheCreationTokens),
      int8((row) => row.reasoningTokens),
      int8((row) => row.timeZoneAssumed),
    ],
  });
}

async function addChargeHours(tx: Transaction, rows: readonly ChargeHour[]): Promise<void> {
  await tx.query({
    name: 'add-charge-hours',
    text: ADD_CHARGE_HOURS,
    values: [
      ...keyColumns(rows),
      textColumn(rows, (row) => row.tokenClass),
      textColumn(rows, (row) => row.status),
      uuidColumn(rows, (row) => row.price?.data.price_id ?? null),
      textColumn(rows, (row) => row.price?.data.currency ?? null),
      int8Column(rows, (row) => row.lines),
      int8Column(rows, (row) => row.quantity),
      numericColumn(rows, amountOfHour),
    ],
  });
}

/** Hour, attribution, billing period, outcome, fidelity. */
function keyColumns(rows: readonly { readonly key: HourKey }[]): Buffer[] {
  return [
    timestamptzColumn(rows, ({ key }) => hourMicros(key.hour)),
    uuidColumn(rows, ({ key }) => key.attributionRow.attributionId),
    textColumn(rows, ({ key }) => key.billingPeriod),
    textColumn(rows, ({ key }) => key.outcome),
    textColumn(rows, ({ key }) => key.fidelity),
  ];
}
