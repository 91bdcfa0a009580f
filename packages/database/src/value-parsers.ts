import pg from 'pg';

const { builtins } = pg.types;
const OID_TEXT_ARRAY: number = 1009;
const OID_INT8_ARRAY = 1016;
const OID_NUMERIC_ARRAY = 1231;
const OID_DATE_ARRAY = 1182;
const OID_TIMESTAMPTZ_ARRAY = 1185;

const TIMESTAMPTZ = /^(\d{4,})-(\d\d)-(\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?\+00$/;

/**
 * Postgres' text of a `timestamptz` in a UTC session, as RFC 3339 with all six digits of its microseconds:
 * `2025-01-31 12:00:00.5+00` becomes `2025-01-31T12:00:00.500000Z`. Texts so written compare as the instants do,
 * and nothing is lost, as it would be in a `Date`. `infinity` and years before our era stay as they are.
 */
export function parseTimestamptz(text: string): string {
  const match = TIMESTAMPTZ.exec(text);
  if (match === null) return text;
  const [, year, month, day, time, fraction = ''] = match;
  return `${year}-${month}-${day}T${time}.${fraction.padEnd(6, '0')}Z`;
}

const asText = (text: string): string => text;

const SCALARS = new Map<number, (text: string) => unknown>([
  [builtins.INT8, BigInt],
  [builtins.NUMERIC, asText],
  [builtins.DATE, asText],
  [builtins.TIMESTAMP, asText],
  [builtins.TIMESTAMPTZ, parseTimestamptz],
]);

const PARSERS = new Map<number, (text: string) => unknown>([
  ...SCALARS,
  [OID_INT8_ARRAY, arrayOf(BigInt)],
  [OID_NUMERIC_ARRAY, arrayOf(asText)],
  [OID_DATE_ARRAY, arrayOf(asText)],
  [OID_TIMESTAMPTZ_ARRAY, arrayOf(parseTimestamptz)],
]);

/**
 * How values of the server become values of ours: `bigint` for int8, text for numeric and date, RFC 3339 text for
 * timestamptz, `pg`'s own choice for the rest (number for int4 and float8, Buffer for bytea, parsed JSON).
 */
export const valueParsers: pg.CustomTypesConfig = {
  getTypeParser(oid: number, format?: 'text' | 'binary') {
    const parser = format === 'binary' ? undefined : PARSERS.get(oid);
    return parser ?? pg.types.getTypeParser(oid, format);
  },
};

function arrayOf(parse: (text: string) => unknown): (text: string) => unknown {
  const parseTexts: (text: string) => unknown = pg.types.getTypeParser(OID_TEXT_ARRAY, 'text');
  const parseEach = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(parseEach);
    return typeof value === 'string' ? parse(value) : value;
  };
  return (text) => parseEach(parseTexts(text));
}
