import type { OutboxEntry } from '@tollgate/bus';
import type { Principal } from '@tollgate/http';
import { formatUnits } from '@tollgate/limits';
import { limitData, type StoredLimit } from './stored-limit.ts';

/** Who changed a limit, and when. */
export type LimitAct = {
  readonly verb: 'create' | 'update' | 'delete';
  readonly principal: Pick<Principal, 'type' | 'id'>;
  readonly nowMs: number;
  readonly newId: () => string;
};

/** What the bus is told of a change: the limit's state, and who made it. */
export function limitEvents(limit: StoredLimit, before: StoredLimit | null, act: LimitAct): OutboxEntry[] {
  const time = new Date(act.nowMs).toISOString();
  const { limitId } = limit;
  return [
    {
      key: limitId,
      draft: { type: 'tollgate.limit.v1', id: act.newId(), subject: limitId, time, data: limitData(limit) },
    },
    {
      key: limitId,
      draft: {
        type: 'tollgate.admin.v1',
        id: act.newId(),
        subject: limitId,
        time,
        data: {
          actor: { type: act.principal.type, id: act.principal.id },
          organisation_id: limit.organisationId,
          action: `limit.${act.verb}`,
          target: limitId,
          outcome: 'done',
          code: null,
          reason: null,
          details: {
            version: limit.version,
            scope: { ...limit.scope },
            unit: limit.unit,
            window: limit.window,
            ...changeOf(limit, before),
          },
        },
      },
    },
  ];
}

function changeOf(limit: StoredLimit, before: StoredLimit | null): Record<string, unknown> {
  const shown = ({ unit, amount, strict }: StoredLimit) => ({ amount: formatUnits(unit, amount), strict });
  return before === null ? shown(limit) : { ...shown(limit), before: shown(before) };
}
