import { type EventDraft, type LimitData, serializeEvent, uuidV7 } from '@tollgate/events';
import { FollowedLimits, type Limit, limitOf } from '@tollgate/limits';

/** What the limits topic says of a limit: a strict one of tokens per day for the test's team, unless changed. */
export function limitData(change: Partial<LimitData> = {}): LimitData {
  return {
    limit_id: 'lim_1',
    version: 1,
    deleted: false,
    organisation_id: 'org_1',
    scope: { team: 'team_1' },
    unit: 'total-tokens',
    window: 'day',
    time_zone: 'UTC',
    amount: '1000',
    currency: null,
    strict: true,
    ...change,
  };
}

export function limit(change: Partial<LimitData> = {}): Limit {
  return limitOf(limitData(change));
}

/** Limits as a gateway follows them; `tell` adds to them. */
export function followedLimits(...data: readonly LimitData[]): FollowedLimits & {
  tell(data: LimitData): void;
} {
  const limits = Object.assign(new FollowedLimits(), {
    tell(each: LimitData) {
      const draft: EventDraft<'tollgate.limit.v1'> = {
        type: 'tollgate.limit.v1',
        id: uuidV7(each.version),
        subject: each.limit_id,
        time: '2026-03-01T00:00:00Z',
        data: each,
      };
      limits.apply({ key: each.limit_id, value: serializeEvent(draft, '/services/budgets/1', 1) });
    },
  });
  for (const each of data) limits.tell(each);
  return limits;
}
