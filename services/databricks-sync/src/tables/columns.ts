/** How a column is kept, in every target: `amount` is DECIMAL(38,18), `timestamp` has microseconds. */
export type ColumnType = 'text' | 'date' | 'timestamp' | 'bigint' | 'boolean' | 'amount';

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  readonly required: boolean;
  /** For whoever reads the table; shown in the catalog. */
  readonly comment: string;
}

export interface Table {
  readonly name: TableName;
  readonly comment: string;
  /** With the date, what a row is known by: a row that is there is never written again. */
  readonly key: string;
  readonly columns: readonly Column[];
}

export const TABLE_NAMES = ['audit_events', 'charges'] as const;
export type TableName = (typeof TABLE_NAMES)[number];

/** Every table has it: what its files are pruned by. */
export const DATE_COLUMN = 'event_date';

/** The digits of DECIMAL(38,18). */
export const AMOUNT_DIGITS = 38;
export const AMOUNT_SCALE = 18;

const required = (name: string, type: ColumnType, comment: string): Column => ({
  name,
  type,
  required: true,
  comment,
});
const optional = (name: string, type: ColumnType, comment: string): Column => ({
  name,
  type,
  required: false,
  comment,
});

const AUDIT_EVENTS: Table = {
  name: 'audit_events',
  comment: 'Every numbered event that Tollgate recorded, as it was recorded. Append-only.',
  key: 'event_id',
  columns: [
    required('event_date', 'date', 'The UTC day of time'),
    required('event_id', 'text', 'UUID of the event'),
    required('source', 'text', 'Who recorded it: instance and epoch'),
    required('sequence', 'bigint', 'Its number, contiguous from 1 per source'),
    required('type', 'text', 'What happened, such as tollgate.usage.v1'),
    required('subject', 'text', 'What it is about: the request id, for events of requests'),
    required('time', 'timestamp', 'When it was recorded'),
    optional('organisation_id', 'text', 'Whose it is'),
    optional('team_id', 'text', 'Whose it is'),
    optional('request_id', 'text', 'The request that it belongs to'),
    optional('requested_at', 'timestamp', 'When the gateway received that request'),
    optional('model', 'text', 'Of usage: the model that was served, or else asked for'),
    optional('final', 'boolean', 'Of usage: the one that ends its request'),
    optional('input_tokens', 'bigint', 'Of usage'),
    optional('output_tokens', 'bigint', 'Of usage'),
    required('event', 'text', 'The whole event as JSON, to the byte: sha2(event, 256) = sha256'),
    required('sha256', 'text', 'SHA-256 of its bytes, in hex'),
  ],
};

const CHARGES: Table = {
  name: 'charges',
  comment: 'Every charge, one per usage event and token class. Never changed.',
  key: 'charge_id',
  columns: [
    required('event_date', 'date', 'The UTC day of requested_at'),
    required('charge_id', 'text', 'UUID of the charge'),
    required('usage_event_id', 'text', 'The usage that is charged: event_id in audit_events'),
    required('request_id', 'text', 'The request that it belongs to'),
    required('requested_at', 'timestamp', 'The instant that price and billing period follow'),
    required('billing_period', 'text', "The month, in the organisation's own time zone"),
    required('organisation_id', 'text', 'Who pays'),
    required('team_id', 'text', 'Who pays'),
    optional('project_id', 'text', 'Who pays'),
    optional('cost_centre_id', 'text', 'Who pays'),
    required('principal_type', 'text', 'Who called: user, service or key'),
    required('principal_id', 'text', 'Who called'),
    required('key_id', 'text', 'The API key that was used'),
    optional('requested_model', 'text', 'What was asked for'),
    optional('served_model', 'text', 'What answered'),
    optional('serving_mode', 'text', 'How it is served, and therefore billed'),
    optional('region', 'text', 'Where it is served'),
    required('tags', 'text', 'Cost-allocation tags, a JSON object'),
    required('token_class', 'text', 'input, output, cached-input, …'),
    required('quantity', 'bigint', 'Tokens'),
    required('status', 'text', 'priced, unpriced, included-in-capacity, billed-by-provider'),
    optional('price_id', 'text', 'The price row that it cites'),
    optional('amount', 'amount', 'quantity × unit price, exact; null where unpriced'),
    optional('currency', 'text', 'ISO 4217'),
  ],
};

/** The tables of the lakehouse, the one definition for every target. */
export const TABLES: Readonly<Record<TableName, Table>> = { audit_events: AUDIT_EVENTS, charges: CHARGES };
