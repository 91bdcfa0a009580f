import { type Transaction, textColumn } from '@tollgate/database';

/** How often each of the events that a request has to have is in the log. */
export interface RequestTally {
  readonly requests: number;
  /** Decisions about the request; those about its output don't count. */
  readonly allowed: number;
  readonly refused: number;
  /** Final usage events. */
  readonly finals: number;
}

/** What one event adds to its request. */
export interface RequestMark {
  readonly requestId: string;
  readonly adds: keyof RequestTally;
}

/** What is known of a request. */
export interface KnownRequest extends RequestTally {
  readonly requestId: string;
  readonly happenedMs: number;
  readonly organisationId: string | null;
}

/** What an event means for the request that it is about; null where nothing has to follow from it. */
export function requestMark(
  type: string,
  requestId: string,
  data: Readonly<Record<string, unknown>>,
): RequestMark | null {
  switch (type) {
    case 'tollgate.request.v1':
      return { requestId, adds: 'requests' };
    case 'tollgate.decision.v1':
      if (data['phase'] !== 'request') return null;
      return { requestId, adds: data['outcome'] === 'allowed' ? 'allowed' : 'refused' };
    case 'tollgate.usage.v1':
      return data['final'] === true ? { requestId, adds: 'finals' } : null;
    default:
      return null;
  }
}

/** Whether the log holds of a request exactly what has to be there (docs/events.md, who emits what). */
export function isSettled({ requests, allowed, refused, finals }: RequestTally): boolean {
  return requests === 1 && allowed + refused === 1 && finals === allowed;
}

/** What a request is short of, or has too much of. Not for settled ones. */
export type RequestFault = 'without-request' | 'without-decision' | 'without-final-usage' | 'contradictory';

export function faultOf({ requests, allowed, refused, finals }: RequestTally): RequestFault {
  if (requests > 1 || allowed + refused > 1 || finals > 1 || (refused === 1 && finals > 0))
    return 'contradictory';
  if (requests === 0) return 'without-request';
  return allowed + refused === 0 ? 'without-decision' : 'without-final-usage';
}

/** The tallies of a batch's marks, by request; the earliest instant of each. */
export function tallied(
  events: Iterable<{
    readonly mark: RequestMark | null;
    readonly happenedMs: number;
    readonly organisationId: string | null;
  }>,
): Map<string, KnownRequest> {
  const byId = new Map<string, KnownRequest>();
  for (const { mark, happenedMs, organisationId } of events) {
    if (mark === null) continue;
    const one = { ...NOTHING, requestId: mark.requestId, happenedMs, organisationId, [mark.adds]: 1 };
    byId.set(mark.requestId, sum(byId.get(mark.requestId), one));
  }
  return byId;
}

/** What was known and what is new, together. */
export function sum(a: KnownRequest | undefined, b: KnownRequest): KnownRequest {
  if (a === undefined) return b;
  return {
    requestId: b.requestId,
    happenedMs: Math.min(a.happenedMs, b.happenedMs),
    organisationId: a.organisationId ?? b.organisationId,
    requests: a.requests + b.requests,
    allowed: a.allowed + b.allowed,
    refused: a.refused + b.refused,
    finals: a.finals + b.finals,
  };
}

const NOTHING: RequestTally = { requests: 0, allowed: 0, refused: 0, finals: 0 };

type Row = {
  request_id: string;
  happened_ms: number;
  organisation_id: string | null;
} & RequestTally;

/** Takes a batch's requests: those that are settled now go, the others are kept. */
export async function markRequests(tx: Transaction, batch: ReadonlyMap<string, KnownRequest>): Promise<void> {
  if (batch.size === 0) return;
  const { rows } = await tx.query<Row>({
    name: 'audit-requests-take',
    text: `DELETE FROM unsettled_request WHERE request_id = ANY ($1::text[])
           RETURNING request_id, (extract(epoch FROM happened_at) * 1000)::float8 AS happened_ms, organisation_id,
                     requests, allowed, refused, finals`,
    values: [textColumn([...batch.keys()], (id) => id)],
  });
  const before = new Map(rows.map((row) => [row.request_id, knownOf(row)]));
  const open = [...batch.values()]
    .map((request) => sum(before.get(request.requestId), request))
    .filter((request) => !isSettled(request));
  if (open.length === 0) return;
  await tx.query({
    name: 'audit-requests-keep',
    text: `INSERT INTO unsettled_request (request_id, happened_at, organisation_id, requests, allowed, refused, finals)
           SELECT id, to_timestamp(ms / 1000), organisation_id, requests, allowed, refused, finals
           FROM unnest($1::text[], $2::float8[], $3::text[], $4::int[], $5::int[], $6::int[], $7::int[])
                AS r (id, ms, organisation_id, requests, allowed, refused, finals)`,
    values: [
      textColumn(open, (each) => each.requestId),
      open.map((each) => each.happenedMs),
      textColumn(open, (each) => each.organisationId),
      open.map((each) => each.requests),
      open.map((each) => each.allowed),
      open.map((each) => each.refused),
      open.map((each) => each.finals),
    ],
  });
}

function knownOf({ request_id: requestId, happened_ms, organisation_id, ...tally }: Row): KnownRequest {
  return { requestId, happenedMs: happened_ms, organisationId: organisation_id, ...tally };
}
