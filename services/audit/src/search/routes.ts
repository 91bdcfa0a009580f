import type { Pool } from '@tollgate/database';
import {
  assertWithin,
  cursorCodec,
  HttpProblem,
  PROBLEMS,
  pageFrom,
  pageOf,
  pageQuery,
  type Route,
  route,
} from '@tollgate/http';
import { z } from 'zod';
import type { SegmentStore } from '../archive/segment-store.ts';
import { readPosition } from '../indexing/position.ts';
import { filterOf, filterQuery } from './filter-query.ts';
import { type FoundEvent, findEvents } from './query.ts';
import type { RecordReading } from './readings.ts';

/** Events of one request at most: three, and one more per attempt, finding and charge. */
const MAX_REQUEST_EVENTS = 500;

const foundEvent = z
  .object({
    leaf_index: z.int().min(0),
    received_at: z.string(),
    /** Where the proof is that the event is in the log. */
    proof: z.string(),
    /** As its source published it. */
    event: z.looseObject({ id: z.string(), type: z.string() }),
  })
  .meta({ id: 'FoundEvent' });

/** Of the last event of a page: when it happened, its leaf; and the leaves that were indexed at the first page. */
const cursor = cursorCodec(z.object({ t: z.int(), l: z.int().min(0), s: z.int().min(0) }));
const searchQuery = z.strictObject({ ...filterQuery, ...pageQuery });

/** `GET /v1/events` and `GET /v1/requests/{id}`. */
export function searchRoutes(parts: {
  readonly pool: Pool;
  readonly store: SegmentStore;
  readonly record: RecordReading;
}): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/events',
      access: { scope: 'audit:read' },
      operationId: 'searchEvents',
      summary: 'Search the audit trail',
      description: [
        'Newest first, by when it happened: `requested_at` of a request, its decision, usage and charges, else the',
        "event's own time; `from` and `to` go by the same. `q` is the beginning of any identifier. Pages show what was",
        'indexed at the first one (`indexed_size` leaves), whatever comes meanwhile. The role `team` sees what its own',
        'requests came to. Each search by a person is itself an admin event, programs that poll leave one a session.',
      ].join('\n'),
      tag: 'events',
      query: searchQuery,
      answers: { 200: pageOf(foundEvent).extend({ indexed_size: z.int().min(0) }) },
      problems: [PROBLEMS.invalidCursor, PROBLEMS.outOfReach],
      async handle({ query, reach, principal }) {
        assertWithin(reach, query);
        const { cursor: given, limit, ...asked } = query;
        const after = given === undefined ? undefined : cursor.decode(given);
        await parts.record({
          principal,
          action: 'audit.search',
          target: 'events',
          details: { filter: asked },
          continued: after !== undefined,
        });
        const size = after?.s ?? (await readPosition(parts.pool)).size;
        const found = await findEvents(parts, filterOf(query), reach, {
          limit: limit + 1,
          size,
          after: after && { happenedMs: after.t, leafIndex: after.l },
        });
        const page = pageFrom(found, limit, cursor, ({ happenedMs, leafIndex }) => ({
          t: happenedMs,
          l: leafIndex,
          s: size,
        }));
        return {
          status: 200,
          body: { items: page.items.map(viewOf), next_cursor: page.next_cursor, indexed_size: size },
        };
      },
    }),
    route({
      method: 'GET',
      path: '/v1/requests/:id',
      access: { scope: 'audit:read' },
      operationId: 'getRequest',
      summary: "One request's whole life",
      description: 'Every event about a request, in the order of the log.',
      tag: 'events',
      params: z.object({ id: z.uuid() }),
      answers: { 200: z.object({ request_id: z.string(), events: z.array(foundEvent) }) },
      problems: [PROBLEMS.notFound],
      async handle({ params, reach, principal }) {
        await parts.record({
          principal,
          action: 'audit.read-request',
          target: params.id,
          details: {},
        });
        const found = await findEvents(parts, { requestId: params.id }, reach, { limit: MAX_REQUEST_EVENTS });
        if (found.length === 0) {
          throw new HttpProblem(
            PROBLEMS.notFound,
            'the log holds no event of that request within your reach',
          );
        }
        const events = found.sort((a, b) => a.leafIndex - b.leafIndex).map(viewOf);
        return { status: 200, body: { request_id: params.id, events } };
      },
    }),
  ];
}

function viewOf({ leafIndex, receivedAt, event }: FoundEvent): z.input<typeof foundEvent> {
  return {
    leaf_index: leafIndex,
    received_at: receivedAt,
    proof: `/v1/events/${String(event['id'])}/proof`,
    event: { ...event, id: String(event['id']), type: String(event['type']) },
  };
}
