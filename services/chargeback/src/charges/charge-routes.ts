import type { Pool } from '@tollgate/database';
import {
  assertWithin,
  cursorCodec,
  DEFAULT_PAGE_ITEMS,
  PROBLEMS,
  pageQuery,
  queryInteger,
  type Route,
  route,
} from '@tollgate/http';
import { z } from 'zod';
import { chargeId } from './charge-id.ts';
import {
  type ChargedUsageRow,
  endPosition,
  readChargedUsage,
  START,
  type UsagePosition,
} from './charged-usage-query.ts';
import { readUnpriced } from './unpriced-query.ts';

const id = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[\x20-\x7e]+$/, 'must be printable ASCII');
const count = z.int().min(0);
/** Larger pages than elsewhere, for programs that read everything. */
const MAX_PAGE_USAGES = 1_000;
const status = z.enum(['priced', 'unpriced', 'included-in-capacity', 'billed-by-provider']);

const charge = z
  .object({
    charge_id: z.uuid(),
    token_class: z.string(),
    quantity: count,
    status,
    price_id: z.uuid().nullable(),
    amount: z.string().nullable(),
    currency: z.string().nullable(),
  })
  .meta({ id: 'Charge' });

const chargedUsage = z
  .object({
    usage_event_id: z.uuid(),
    request_id: z.uuid(),
    client_request_id: z.string().nullable(),
    source: z.string(),
    sequence: z.int().min(1),
    requested_at: z.string(),
    billing_period: z.string(),
    /** The organisation's time zone was not known, so the period is that of UTC. */
    time_zone_assumed: z.boolean(),
    attempt: count,
    final: z.boolean(),
    outcome: z.string(),
    fidelity: z.string(),
    organisation_id: z.string(),
    team_id: z.string(),
    project_id: z.string().nullable(),
    cost_centre_id: z.string().nullable(),
    principal_type: z.string(),
    principal_id: z.string(),
    key_id: z.string(),
    requested_model: z.string().nullable(),
    served_model: z.string().nullable(),
    serving_mode: z.string().nullable(),
    region: z.string().nullable(),
    tags: z.record(z.string(), z.string()),
    input_tokens: count,
    output_tokens: count,
    cached_input_tokens: count,
    cache_creation_tokens: count,
    reasoning_tokens: count,
    /** Of all priced charges; null where there is none. */
    amount: z.string().nullable(),
    currency: z.string().nullable(),
    charges: z.array(charge),
  })
  .meta({ id: 'ChargedUsage' });

const unpriced = z
  .object({
    organisation_id: z.string(),
    model: z.string().nullable(),
    serving_mode: z.string().nullable(),
    region: z.string().nullable(),
    token_class: z.string(),
    charges: count,
    tokens: count,
    first_hour: z.string(),
    last_hour: z.string(),
  })
  .meta({ id: 'Unpriced' });

const position = cursorCodec(z.strictObject({ takenIn: z.string().regex(/^\d{1,19}$/), eventId: z.uuid() }));

/** `GET /v1/charges` and `GET /v1/unpriced`. */
export function chargeRoutes(parts: { readonly pool: Pool }): Route[] {
  const { pool } = parts;
  return [
    route({
      method: 'GET',
      path: '/v1/charges',
      access: { scope: 'report:read' },
      operationId: 'listCharges',
      summary: 'Usage with its charges, in the order of being charged',
      description:
        'Go on with `cursor` to follow what is charged from then on: nothing is missed and nothing comes twice. `start=end` begins after all that is there.',
      tag: 'charges',
      query: z.strictObject({
        limit: queryInteger({ min: 1, max: MAX_PAGE_USAGES, default: DEFAULT_PAGE_ITEMS }),
        cursor: pageQuery.cursor,
        start: z.enum(['beginning', 'end']).default('beginning'),
        organisation: id.optional(),
        team: id.optional(),
        period: z
          .string()
          .regex(/^\d{4}-\d{2}$/, 'must be a month, such as 2026-03')
          .optional(),
        status: status.optional(),
      }),
      answers: {
        200: z.object({
          items: z.array(chargedUsage),
          /** Null where nothing more is there now. */
          next_cursor: z.string().nullable(),
          /** Where this page ends, more to come or not. */
          cursor: z.string(),
        }),
      },
      problems: [PROBLEMS.invalidCursor, PROBLEMS.outOfReach],
      async handle({ query, reach }) {
        assertWithin(reach, query);
        const after =
          query.cursor !== undefined
            ? position.decode(query.cursor)
            : query.start === 'end'
              ? await endPosition(pool)
              : START;
        const rows = await readChargedUsage(pool, { after, limit: query.limit + 1, reach, filter: query });
        const items = rows.slice(0, query.limit);
        const cursor = position.encode(positionOf(items.at(-1)) ?? after);
        const more = rows.length > items.length;
        return { status: 200, body: { items: items.map(shown), next_cursor: more ? cursor : null, cursor } };
      },
    }),
    route({
      method: 'GET',
      path: '/v1/unpriced',
      access: { scope: 'report:read' },
      operationId: 'listUnpriced',
      summary: 'What was used and has no price',
      description:
        'By model, serving mode, region and token class: the price rows that are missing. The charges themselves are in `/v1/charges?status=unpriced`.',
      tag: 'charges',
      query: z.strictObject({}),
      answers: { 200: z.object({ items: z.array(unpriced) }) },
      async handle({ reach }) {
        return { status: 200, body: { items: await readUnpriced(pool, reach) } };
      },
    }),
  ];
}

function positionOf(row: ChargedUsageRow | undefined): UsagePosition | undefined {
  return row === undefined ? undefined : { takenIn: row.taken_in, eventId: row.event_id };
}

function shown(row: ChargedUsageRow): z.input<typeof chargedUsage> {
  return {
    ...row,
    usage_event_id: row.event_id,
    sequence: Number(row.sequence),
    input_tokens: Number(row.input_tokens),
    output_tokens: Number(row.output_tokens),
    cached_input_tokens: Number(row.cached_input_tokens),
    cache_creation_tokens: Number(row.cache_creation_tokens),
    reasoning_tokens: Number(row.reasoning_tokens),
    charges: row.charges.map((line) => ({ charge_id: chargeId(row.event_id, line.token_class), ...line })),
  };
}
