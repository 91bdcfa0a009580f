import {
  type ExportedEvent,
  type ExportFormat,
  type Json,
  numberAt,
  objectAt,
  textAt,
} from './exported-event.ts';

type Cell = string | number | boolean | null | undefined;

/** What stands in each column. Names are those of the events' own members. */
const COLUMNS: Readonly<Record<string, (event: ExportedEvent, parts: Parts) => Cell>> = {
  leaf_index: ({ leafIndex }) => leafIndex,
  received_at: ({ receivedAt }) => receivedAt,
  id: ({ event }) => textAt(event, 'id'),
  type: ({ event }) => textAt(event, 'type'),
  time: ({ event }) => textAt(event, 'time'),
  source: ({ event }) => textAt(event, 'source'),
  sequence: ({ event }) => Number(textAt(event, 'sequence') ?? 0),
  subject: ({ event }) => textAt(event, 'subject'),
  requested_at: (_, { data }) => textAt(data, 'requested_at'),
  organisation_id: (_, { owner }) => textAt(owner, 'organisation_id'),
  team_id: (_, { owner }) => textAt(owner, 'team_id'),
  project_id: (_, { owner }) => textAt(owner, 'project_id'),
  cost_centre_id: (_, { owner }) => textAt(owner, 'cost_centre_id'),
  principal_type: (_, { owner, actor }) => textAt(owner, 'principal_type') ?? textAt(actor, 'type'),
  principal_id: (_, { owner, actor }) => textAt(owner, 'principal_id') ?? textAt(actor, 'id'),
  key_id: (_, { owner }) => textAt(owner, 'key_id'),
  requested_model: (_, { owner }) => textAt(owner, 'requested_model'),
  served_model: (_, { owner }) => textAt(owner, 'served_model'),
  target_id: (_, { owner }) => textAt(owner, 'target_id'),
  serving_mode: (_, { owner }) => textAt(owner, 'serving_mode'),
  region: (_, { owner }) => textAt(owner, 'region'),
  policy: (_, { owner }) => textAt(objectAt(owner, 'policy'), 'name'),
  policy_digest: (_, { owner }) => textAt(objectAt(owner, 'policy'), 'digest'),
  endpoint: (_, { data }) => textAt(data, 'endpoint'),
  action: (_, { data }) => textAt(data, 'action'),
  phase: (_, { data }) => textAt(data, 'phase'),
  outcome: (_, { data }) => textAt(data, 'outcome'),
  code: (_, { data }) => textAt(data, 'code'),
  attempt: (_, { data }) => numberAt(data, 'attempt'),
  final: (_, { data }) => (typeof data['final'] === 'boolean' ? data['final'] : null),
  status: (_, { data }) => numberAt(data, 'status'),
  fidelity: (_, { data }) => textAt(data, 'fidelity'),
  input_tokens: (_, { quantities }) => numberAt(quantities, 'input_tokens'),
  output_tokens: (_, { quantities }) => numberAt(quantities, 'output_tokens'),
  cached_input_tokens: (_, { quantities }) => numberAt(quantities, 'cached_input_tokens'),
  cache_creation_tokens: (_, { quantities }) => numberAt(quantities, 'cache_creation_tokens'),
  reasoning_tokens: (_, { quantities }) => numberAt(quantities, 'reasoning_tokens'),
  duration_us: (_, { data }) => numberAt(data, 'duration_us'),
};

interface Parts {
  readonly data: Json;
  /** The attribution, or where there is none the data themselves. */
  readonly owner: Json;
  readonly actor: Json;
  readonly quantities: Json;
}

/** One row per event, the same columns for every kind (RFC 4180, lines end in CR LF). */
export const csvFormat: ExportFormat = {
  contentType: 'text/csv; charset=utf-8; header=present',
  header: `${Object.keys(COLUMNS).join(',')}\r\n`,
  line(exported) {
    const data = objectAt(exported.event, 'data');
    const parts = {
      data,
      owner: 'attribution' in data ? objectAt(data, 'attribution') : data,
      actor: objectAt(data, 'actor'),
      quantities: objectAt(data, 'quantities'),
    };
    return `${Object.values(COLUMNS)
      .map((cell) => csvCell(cell(exported, parts)))
      .join(',')}\r\n`;
  },
};

/** What a spreadsheet would take for a formula, also behind spaces, and the full-width forms that some fold. */
const FORMULA = /^\s*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
const NEEDS_QUOTES = /[",\r\n]/;

/**
 * A field. Texts that a spreadsheet would calculate get an apostrophe before them, which it shows as text (OWASP, CSV
 * injection); numbers are written as they are.
 */
export function csvCell(value: Cell): string {
  if (value === null || value === undefined) return '';
  if (typeof value !== 'string') return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return NEEDS_QUOTES.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
