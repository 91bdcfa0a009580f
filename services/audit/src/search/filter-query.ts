import { z } from 'zod';
import { MAX_TERM_CHARACTERS, type TermLabel } from '../indexing/terms.ts';
import type { EventFilter } from './query.ts';

/** No character that Postgres can't hold. */
const term = (maxLength: number) =>
  z
    .string()
    .min(1)
    .max(maxLength)
    .regex(/^[\x20-\x7e]+$/, 'must be printable ASCII');
const identifier = term(MAX_TERM_CHARACTERS).optional();

/** What events are chosen by: query members of a search, and of an export. Spread into the query's schema. */
export const filterQuery = {
  request_id: term(256).optional(),
  team: term(128).optional(),
  organisation: term(128).optional(),
  type: term(128).optional(),
  source: term(160).optional(),
  from: z.iso.datetime().optional(),
  to: z.iso.datetime().optional(),
  principal: identifier,
  key: identifier,
  project: identifier,
  cost_centre: identifier,
  model: identifier,
  outcome: identifier,
  code: identifier,
  policy: identifier,
  finding: identifier,
  action: identifier,
  /** The beginning of any identifier. */
  q: identifier,
};
export type FilterQuery = z.output<z.ZodObject<typeof filterQuery>>;

/** The members that the index has under a label. */
const LABELS = {
  principal: 'principal',
  key: 'key',
  project: 'project',
  cost_centre: 'cost-centre',
  model: 'model',
  outcome: 'outcome',
  code: 'code',
  policy: 'policy',
  finding: 'finding',
  action: 'action',
} as const satisfies Partial<Record<keyof FilterQuery, TermLabel>>;

/** What is asked for. */
export function filterOf(query: FilterQuery): EventFilter {
  const terms = Object.entries(LABELS).flatMap(([name, label]) => {
    const value = query[name as keyof typeof LABELS];
    return value === undefined ? [] : [{ label, value }];
  });
  return {
    requestId: query.request_id,
    teamId: query.team,
    organisationId: query.organisation,
    type: query.type,
    source: query.source,
    fromMs: query.from === undefined ? undefined : Date.parse(query.from),
    toMs: query.to === undefined ? undefined : Date.parse(query.to),
    terms,
    text: query.q,
  };
}
