import type { OutboxEntry } from '@tollgate/bus';
import type { Principal } from '@tollgate/http';
import type { CheckedPrices } from './check-prices.ts';

/** Ids told in the admin event; the rows themselves go out one by one. */
const MAX_IDS = 200;

export type ImportAct = {
  readonly principal: Pick<Principal, 'type' | 'id' | 'organisationId'>;
  readonly nowMs: number;
  readonly newId: () => string;
};

/** What the bus is told of an import: each new row's state, and who brought it. */
export function importEvents(checked: CheckedPrices, act: ImportAct): OutboxEntry[] {
  const time = new Date(act.nowMs).toISOString();
  return [
    ...checked.added.map(
      ({ data }): OutboxEntry => ({
        key: data.price_id,
        draft: { type: 'tollgate.price.v1', id: act.newId(), subject: `price/${data.price_id}`, time, data },
      }),
    ),
    adminEvent(act, null, {
      added: checked.added.length,
      unchanged: checked.unchanged.length,
      price_ids: checked.added.slice(0, MAX_IDS).map((row) => row.data.price_id),
    }),
  ];
}

/** What the bus is told of an import that was refused. */
export function refusalEvent(act: ImportAct, code: string, rows: number): OutboxEntry {
  return adminEvent(act, code, { rows });
}

function adminEvent(act: ImportAct, code: string | null, details: Record<string, unknown>): OutboxEntry {
  const { principal } = act;
  return {
    key: 'price-book',
    draft: {
      type: 'tollgate.admin.v1',
      id: act.newId(),
      subject: 'price-book',
      time: new Date(act.nowMs).toISOString(),
      data: {
        actor: { type: principal.type, id: principal.id },
        organisation_id: principal.organisationId,
        action: 'price.import',
        target: 'price-book',
        outcome: code === null ? 'done' : 'refused',
        code,
        reason: null,
        details,
      },
    },
  };
}
