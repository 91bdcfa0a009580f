import { randomBytes } from 'node:crypto';
import { DraftBatch } from '@tollgate/bus';
import type { Attribution } from '@tollgate/events';
import { chargeId } from '../charges/charge-id.ts';
import type { AttributionRow } from './attribution-id.ts';
import type { Charge } from './charged-usage.ts';

/*
 * Written as JSON: most of such an event is its attribution, which a batch repeats thousands of times, and building each
 * event as an object costs more than charging it. What stands in the texts unescaped was checked to need none when
 * the usage or the price was read: ids in UUID form, instants, decimals, words of ours.
 */

/**
 * The event of each usage's charges, for the outbox: who pays for what, by which prices. Keyed by request, and about it.
 *
 * @param charges those of one usage stand together
 * @param nowMs when they were made, milliseconds since 1970
 */
export function chargeEvents(charges: readonly Charge[], nowMs: number): DraftBatch {
  const usages = usagesOf(charges);
  const ids = uuidsV7(usages.length, nowMs);
  const time = new Date(nowMs).toISOString();
  const attributions = new AttributionTexts();
  const batch = new DraftBatch('tollgate.charge.v1');
  usages.forEach((ofUsage, index) => {
    const [{ usage }] = ofUsage;
    const { event } = usage;
    batch.begin(event.subject, { id: ids[index] ?? '', subject: event.subject, time });
    batch.text('{"usage_event_id":"');
    batch.text(event.id);
    batch.text('","request_id":"');
    batch.text(event.subject);
    batch.text('","attribution":');
    batch.bytes(attributions.of(usage.attributionRow, event.data.attribution));
    batch.text(',"requested_at":"');
    batch.text(event.data.requested_at);
    batch.text('","billing_period":"');
    batch.text(usage.billingPeriod);
    batch.text('","charges":[');
    ofUsage.forEach((charge, line) => {
      if (line > 0) batch.text(',');
      writeLine(batch, charge);
    });
    batch.text(']}');
    batch.end();
  });
  return batch;
}

type OfOneUsage = [Charge, ...Charge[]];

function usagesOf(charges: readonly Charge[]): OfOneUsage[] {
  const usages: OfOneUsage[] = [];
  for (const charge of charges) {
    const last = usages.at(-1);
    if (last !== undefined && last[0].usage === charge.usage) last.push(charge);
    else usages.push([charge]);
  }
  return usages;
}

function writeLine(batch: DraftBatch, { usage, line, amount }: Charge): void {
  batch.text('{"charge_id":"');
  batch.text(chargeId(usage.event.id, line.tokenClass));
  batch.text('","token_class":"');
  batch.text(line.tokenClass);
  batch.text('","quantity":');
  batch.text(String(line.quantity));
  batch.text(',"price_id":');
  writeTextOrNull(batch, line.price?.data.price_id ?? null);
  batch.text(',"amount":');
  writeTextOrNull(batch, amount);
  batch.text(',"currency":');
  writeTextOrNull(batch, line.price?.data.currency ?? null);
  batch.text(',"status":"');
  batch.text(line.status);
  batch.text('"}');
}

function writeTextOrNull(batch: DraftBatch, text: string | null): void {
  if (text === null) {
    batch.text('null');
    return;
  }
  batch.text('"');
  batch.text(text);
  batch.text('"');
}

/** The JSON of attributions: for each set of dimensions, that of the policy that was asked for last. */
class AttributionTexts {
  readonly #texts = new Map<
    AttributionRow,
    { readonly policy: Attribution['policy']; readonly text: Buffer }
  >();

  of(row: AttributionRow, attribution: Attribution): Buffer {
    const { policy } = attribution;
    const known = this.#texts.get(row);
    if (known !== undefined && isSame(known.policy, policy)) return known.text;
    const text = Buffer.from(attributionText(attribution));
    this.#texts.set(row, { policy, text });
    return text;
  }
}

function isSame(a: Attribution['policy'], b: Attribution['policy']): boolean {
  return a.digest === b.digest && a.version === b.version && a.name === b.name;
}

/** The members that dimensions and policy are made of; what else an attribution holds may differ among their events. */
function attributionText(of: Attribution): string {
  const { name, version, digest } = of.policy;
  return JSON.stringify({
    organisation_id: of.organisation_id,
    team_id: of.team_id,
    project_id: of.project_id,
    cost_centre_id: of.cost_centre_id,
    principal_type: of.principal_type,
    principal_id: of.principal_id,
    key_id: of.key_id,
    requested_model: of.requested_model,
    served_model: of.served_model,
    target_id: of.target_id,
    serving_mode: of.serving_mode,
    region: of.region,
    tags: of.tags,
    policy: { name, version, digest },
  });
}

const UUID_HEX = 32;

/** As `uuidV7` makes them, but from one look at the clock and one request for randomness. */
function uuidsV7(count: number, nowMs: number): string[] {
  const hex = randomBytes((count * UUID_HEX) / 2).toString('hex');
  const time = Math.floor(nowMs).toString(16).padStart(12, '0');
  const start = `${time.slice(0, 8)}-${time.slice(8)}-7`;
  return Array.from({ length: count }, (_, index) => {
    const at = index * UUID_HEX;
    const variant = ((Number.parseInt(hex.charAt(at), 16) & 0x3) | 0x8).toString(16);
    return `${start}${hex.slice(at + 1, at + 4)}-${variant}${hex.slice(at + 4, at + 7)}-${hex.slice(at + 7, at + 19)}`;
  });
}
