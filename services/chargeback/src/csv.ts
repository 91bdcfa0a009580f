import { ChargebackError } from './errors.ts';

/** CSV as RFC 4180 has it: comma, double quotes doubled within quotes, one header line. */

const NEEDS_QUOTES = /[",\r\n]/;

/** Lines end in CR LF, the last one too. Null becomes an empty field. */
export function writeCsv(
  columns: readonly string[],
  rows: readonly Readonly<Record<string, string | number | null>>[],
): string {
  const lines = [
    columns.map(field),
    ...rows.map((row) => columns.map((column) => field(row[column] ?? null))),
  ];
  return lines.map((fields) => `${fields.join(',')}\r\n`).join('');
}

/**
 * The rows by column name; line ends may be LF or CR LF, empty lines are passed over.
 *
 * @throws ChargebackError `csv_invalid` with the number of the line
 */
export function readCsv(text: string): Record<string, string>[] {
  const [header, ...rest] = records(text.replace(/^\uFEFF/, ''));
  if (header === undefined)
    throw new ChargebackError('csv_invalid', 'the CSV is empty: it needs a header line');
  return rest.map(({ line, fields }) => {
    if (fields.length !== header.fields.length) {
      throw new ChargebackError(
        'csv_invalid',
        `line ${line} has ${fields.length} fields, but the header has ${header.fields.length}`,
      );
    }
    return Object.fromEntries(header.fields.map((name, index) => [name, fields[index] ?? '']));
  });
}

type CsvRecord = { readonly line: number; readonly fields: string[] };

function records(text: string): CsvRecord[] {
  const all: CsvRecord[] = [];
  // A field: quoted, or up to the next comma or line end; then what ends it.
  const token = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n|\n|$)/y;
  let fields: string[] = [];
  let line = 1;
  let startedAt = 1;
  while (token.lastIndex < text.length || fields.length > 0) {
    const match = token.exec(text);
    if (match === null)
      throw new ChargebackError('csv_invalid', `line ${line}: a quote is missing or misplaced`);
    const [whole, quoted, plain = '', end] = match;
    fields.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    line += whole.split('\n').length - 1;
    if (end === ',') {
      if (token.lastIndex === text.length) fields.push('');
      else continue;
    }
    if (fields.length > 1 || fields[0] !== '') all.push({ line: startedAt, fields });
    fields = [];
    startedAt = line;
    if (token.lastIndex >= text.length) break;
  }
  return all;
}

function field(value: string | number | null): string {
  const text = value === null ? '' : String(value);
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
