import {
  Bool,
  type DataType,
  DateDay,
  Decimal,
  Field,
  Float64,
  Int32,
  Int64,
  makeData,
  Schema,
  Table,
  TimestampMicrosecond,
  tableToIPC,
  Utf8,
  Vector,
  vectorFromArray,
} from 'apache-arrow';
import { SimulatedDatabricksError } from '../../errors.ts';
import type { ArrowBatch, ArrowResult, Column } from '../engine.ts';

/**
 * A value of a row: text for `string`, `decimal`, and what has no type of its own here; `bigint` or `number` for the
 * integers; `Date` or microseconds since 1970 as `bigint` for `timestamp`; `YYYY-MM-DD` for `date`.
 */
export type Value = string | number | bigint | boolean | Date | null;
export type Row = Readonly<Record<string, Value>>;

/** The zero message that ends an IPC stream. */
const END_OF_STREAM_BYTES = 8;
const DEFAULT_ROWS_PER_BATCH = 10_000;
const MILLISECONDS_PER_DAY = 86_400_000;
const MICROSECONDS_PER_MILLISECOND = 1_000n;
const WORD_BITS = 32n;
const DECIMAL_WORDS = 4;

/**
 * Rows as a warehouse would hand them out. `columns` maps names to Spark SQL types: `string`, `boolean`, `int`, `bigint`,
 * `double`, `decimal(p,s)`, `date`, `timestamp`; anything else travels as text.
 *
 * @throws SimulatedDatabricksError `bad-option` for a value that its column's type can't hold
 */
export function arrowResult(
  types: Readonly<Record<string, string>>,
  rows: readonly Row[],
  rowsPerBatch: number = DEFAULT_ROWS_PER_BATCH,
): ArrowResult {
  const columns = Object.entries(types).map(([name, type]): Column => ({ name, type: type.toLowerCase() }));
  const arrowTypes = columns.map(({ type }) => arrowTypeOf(type));
  const schema = new Schema(
    columns.map(({ name }, index) => new Field(name, typeAt(arrowTypes, index), true)),
  );
  const head = ipc(new Table(schema));
  const batches: ArrowBatch[] = [];
  for (let start = 0; start < rows.length; start += rowsPerBatch) {
    const part = rows.slice(start, start + rowsPerBatch);
    const vectors = columns.map((column, index) =>
      vectorOf(
        typeAt(arrowTypes, index),
        part.map((row) => arrowValue(column, row[column.name] ?? null)),
      ),
    );
    const table = new Table(
      schema,
      Object.fromEntries(columns.map(({ name }, index) => [name, vectors[index]])) as never,
    );
    batches.push({ rows: part.length, data: ipc(table).subarray(head.length) });
  }
  return { columns, schema: head, batches };
}

/** The result of a statement that returns no rows. */
export const NO_ROWS: ArrowResult = arrowResult({}, []);

function vectorOf(type: DataType, values: readonly unknown[]): Vector {
  if (!(type instanceof TimestampMicrosecond)) return vectorFromArray(values, type);
  // Arrow's own builder takes timestamps as milliseconds in a number, which have no room for microseconds.
  const [integers] = vectorFromArray(values, new Int64()).data;
  if (integers === undefined) throw new Error('a vector without data');
  const { length, nullCount, nullBitmap, values: data } = integers;
  return new Vector([makeData({ type, length, nullCount, nullBitmap, data })]);
}

function ipc(table: Table): Buffer {
  const bytes = tableToIPC(table, 'stream');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength - END_OF_STREAM_BYTES);
}

function arrowTypeOf(type: string): DataType {
  const decimal = /^decimal\((\d+),\s*(\d+)\)$/.exec(type);
  if (decimal !== null) return new Decimal(Number(decimal[2]), Number(decimal[1]), 128);
  switch (type) {
    case 'boolean':
      return new Bool();
    case 'int':
      return new Int32();
    case 'bigint':
      return new Int64();
    case 'double':
      return new Float64();
    case 'date':
      return new DateDay();
    case 'timestamp':
      return new TimestampMicrosecond('UTC');
    default:
      return new Utf8();
  }
}

function typeAt(types: readonly DataType[], index: number): DataType {
  const type = types[index];
  if (type === undefined) throw new Error('a column without a type');
  return type;
}

function arrowValue({ name, type }: Column, value: Value): unknown {
  if (value === null) return null;
  try {
    return convert(type, value);
  } catch (error) {
    throw new SimulatedDatabricksError('bad-option', `${name} ${type} can’t hold ${String(value)}.`, {
      cause: error,
    });
  }
}

function convert(type: string, value: Exclude<Value, null>): unknown {
  if (type.startsWith('decimal(')) return decimalWords(String(value), Number(/,\s*(\d+)/.exec(type)?.[1]));
  switch (type) {
    case 'boolean':
      return value === true;
    case 'int':
    case 'double':
      return Number(value);
    case 'bigint':
      return BigInt(value instanceof Date ? Number.NaN : value);
    case 'date':
      return new Date(Math.floor(Date.parse(String(value)) / MILLISECONDS_PER_DAY) * MILLISECONDS_PER_DAY);
    case 'timestamp':
      return value instanceof Date ? BigInt(value.getTime()) * MICROSECONDS_PER_MILLISECOND : BigInt(value);
    default:
      return String(value);
  }
}

/** `-1.5` at scale 2 is -150: two's complement, the lowest word first. */
function decimalWords(text: string, scale: number): Uint32Array {
  const match = /^(?<sign>-?)(?<whole>\d+)(?:\.(?<fraction>\d+))?$/.exec(text);
  const fraction = match?.groups?.['fraction'] ?? '';
  if (match === null || fraction.length > scale) throw new RangeError('not a decimal of this scale');
  const digits = BigInt(`${match.groups?.['whole']}${fraction.padEnd(scale, '0')}`);
  let rest = BigInt.asUintN(
    Number(WORD_BITS) * DECIMAL_WORDS,
    match.groups?.['sign'] === '-' ? -digits : digits,
  );
  const words = new Uint32Array(DECIMAL_WORDS);
  for (let index = 0; index < DECIMAL_WORDS; index += 1) {
    words[index] = Number(BigInt.asUintN(Number(WORD_BITS), rest));
    rest >>= WORD_BITS;
  }
  return words;
}
