import type {
  THandleIdentifier,
  TStatus,
  TTableSchema,
  TTypeEntry,
} from '@databricks/sql/thrift/TCLIService_types.js';
import types from '@databricks/sql/thrift/TCLIService_types.js';
import type { Column } from '../engine.ts';

const { TStatusCode, TTypeId } = types;

const TYPE_IDS: Readonly<Record<string, number>> = {
  boolean: TTypeId.BOOLEAN_TYPE,
  tinyint: TTypeId.TINYINT_TYPE,
  smallint: TTypeId.SMALLINT_TYPE,
  int: TTypeId.INT_TYPE,
  bigint: TTypeId.BIGINT_TYPE,
  float: TTypeId.FLOAT_TYPE,
  double: TTypeId.DOUBLE_TYPE,
  string: TTypeId.STRING_TYPE,
  timestamp: TTypeId.TIMESTAMP_TYPE,
  timestamp_ntz: TTypeId.TIMESTAMP_TYPE,
  binary: TTypeId.BINARY_TYPE,
  array: TTypeId.ARRAY_TYPE,
  map: TTypeId.MAP_TYPE,
  struct: TTypeId.STRUCT_TYPE,
  decimal: TTypeId.DECIMAL_TYPE,
  void: TTypeId.NULL_TYPE,
  date: TTypeId.DATE_TYPE,
  varchar: TTypeId.VARCHAR_TYPE,
  char: TTypeId.CHAR_TYPE,
};

export function success(): TStatus {
  return new types.TStatus({ statusCode: TStatusCode.SUCCESS_STATUS });
}

export function failure(message: string, sqlState: string): TStatus {
  return new types.TStatus({
    statusCode: TStatusCode.ERROR_STATUS,
    errorMessage: message,
    displayMessage: message,
    sqlState,
  });
}

/** What a client is told whose session or operation is unknown, because it ended or never was. */
export function invalidHandle(what: 'SessionHandle' | 'OperationHandle', id: string): TStatus {
  const message = `Invalid ${what}: ${what} [${id}]`;
  return new types.TStatus({
    statusCode: TStatusCode.INVALID_HANDLE_STATUS,
    errorMessage: message,
    displayMessage: message,
    sqlState: 'HY000',
  });
}

/** A UUID as a handle. Handles have a secret beside the name; ours are no secrets, so it is the name again. */
export function handleOf(id: string): THandleIdentifier {
  const guid = Buffer.from(id.replaceAll('-', ''), 'hex');
  return new types.THandleIdentifier({ guid, secret: guid });
}

export function idOf({ guid }: THandleIdentifier): string {
  return guid.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** Columns as clients of the Hive protocol know them; types it has no number for travel as text. Positions count from 1. */
export function tableSchema(columns: readonly Column[]): TTableSchema {
  return new types.TTableSchema({
    columns: columns.map(
      ({ name, type }, index) =>
        new types.TColumnDesc({
          columnName: name,
          position: index + 1,
          typeDesc: new types.TTypeDesc({ types: [typeEntry(type)] }),
        }),
    ),
  });
}

function typeEntry(type: string): TTypeEntry {
  const [, base = '', , precision, scale] = /^(\w+)(\((\d+),\s*(\d+)\))?/.exec(type) ?? [];
  const qualified = precision !== undefined && scale !== undefined;
  return new types.TTypeEntry({
    primitiveEntry: new types.TPrimitiveTypeEntry({
      type: TYPE_IDS[base] ?? TTypeId.STRING_TYPE,
      ...(qualified
        ? { typeQualifiers: new types.TTypeQualifiers({ qualifiers: qualifiers(precision, scale) }) }
        : {}),
    }),
  });
}

function qualifiers(precision: string, scale: string) {
  return {
    precision: new types.TTypeQualifierValue({ i32Value: Number(precision) }),
    scale: new types.TTypeQualifierValue({ i32Value: Number(scale) }),
  };
}
