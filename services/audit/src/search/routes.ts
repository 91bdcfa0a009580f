import type { Pool } from '@tollgate/database';
import {
  cursorCodec,
  HttpProblem,
  PROBLEMS,
  pageFrom,
  pageOf,
  pageQuery,
  type Reach,
  type Route,
  route,
} from '@tollgate/http';
import { z } from 'zod';
import type { SegmentStore } from '../archive/segment-store.ts';
import { type FoundEvent, findEvents } from './query.ts';
import type { RecordReading } from './readings.ts';

/** Events of one request at most: three, and one more per attempt, finding and charge. */
const MAX_REQUEST_EVENTS = 500;

const foundEvent = z
  .object({
    leaf_index: z.int().min(0),
    received_at: z.string(),
    /** As its source published it. */
    event: z.looseObject({ id: z.string(), type: z.string() }),
  })
  .meta({ id: 'FoundEvent' });

const cursor = cursorCodec(z.object({ t: z.int(), l: z.int().min(0) }));
/** No character that Postgres can't hold. */
const term = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .regex(/^[\x20-\x7e]+$/, 'must be printable ASCII');

const searchQuery = z.strictObject({
  request_id: term(256).optional(),
  team: term(128).optional(),
  organisation: term(128).optional(),
  type: term(128).optional(),
  source: term(160).optional(),
  from: z.iso.datetime().optional(),
  to: z.iso.datetime().optional(),
  ...pageQuery,
});

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
      description:
        'Newest first. The role `team` sees what its own requests came to. Each call by a person is itself an admin event.',
      tag: 'events',
      query: searchQuery,
      answers: { 200: pageOf(foundEvent) },
      problems: [PROBLEMS.invalidCursor, PROBLEMS.outOfReach],
      async handle({ query, reach, principal }) {
        assertWithin(reach, query.organisation, query.team);
        const { cursor: given, limit, ...asked } = query;
        const after = given === undefined ? undefined : cursor.decode(given);
        await parts.record({
          principal,
          action: 'audit.search',
          target: 'events',
          details: { filter: asked, continued: after !== undefined },
        });
        const found = await findEvents(
          parts,
          {
            requestId: query.request_id,
            teamId: query.team,
            organisationId: query.organisation,
            type: query.type,
            source: query.source,
            fromMs: query.from === undefined ? undefined : Date.parse(query.from),
            toMs: query.to === undefined ? undefined : Date.parse(query.to),
          },
          reach,
          { limit: limit + 1, after: after && { timeUs: after.t, leafIndex: after.l } },
        );
        const page = pageFrom(found, limit, cursor, ({ timeUs, leafIndex }) => ({ t: timeUs, l: leafIndex }));
        return { status: 200, body: { items: page.items.map(viewOf), next_cursor: page.next_cursor } };
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

/** Asking for what can't be seen is refused, rather than answered with nothing. */
function assertWithin(reach: Reach, organisation: string | undefined, team: string | undefined): void {
  const wrongOrganisation =
    organisation !== undefined && reach.organisationId !== null && reach.organisationId !== organisation;
  const wrongTeam = team !== undefined && reach.teamIds !== null && !reach.teamIds.has(team);
  if (wrongOrganisation || wrongTeam) {
    throw new HttpProblem(
      PROBLEMS.outOfReach,
      'leave the filter out, or name an organisation or team of yours',
    );
  }
}

function viewOf({ leafIndex, receivedAt, event }: FoundEvent): z.input<typeof foundEvent> {
  return {
    leaf_index: leafIndex,
    received_at: receivedAt,
    event: { ...event, id: String(event['id']), type: String(event['type']) },
  };
}
