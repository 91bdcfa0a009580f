import type { DirectoryView } from '@tollgate/http';
import { z } from 'zod';
import { writeCsv } from '../csv.ts';
import { type Dimension, isNamed, nameIn } from './dimensions.ts';
import { COUNTS, type Report, type ReportLine } from './report.ts';
import type { ReportRange } from './report-range.ts';

const counts = Object.fromEntries(COUNTS.map((count) => [count, z.int().min(0)]));
const measures = {
  currency: z.string().nullable(),
  ...counts,
  /** A decimal. */
  amount: z.string(),
};

/** A report as it is handed out: the one shape that JSON, CSV and every later format are made from. */
export const reportDocument = z
  .object({
    period: z.string().nullable(),
    from: z.string(),
    to: z.string(),
    group_by: z.array(z.string()),
    /** Names and order of a row's members. */
    columns: z.array(z.string()),
    rows: z.array(z.record(z.string(), z.union([z.string(), z.number(), z.null()]))),
    /** One per currency. */
    totals: z.array(z.object(measures)),
  })
  .meta({ id: 'Report' });
export type ReportDocument = z.infer<typeof reportDocument>;

type Cell = string | number | null;

/** Gives a report its names and its form. */
export function documentOf(report: Report, range: ReportRange, view: DirectoryView): ReportDocument {
  const { groupBy } = report;
  return {
    period: range.period,
    from: range.from,
    to: range.to,
    group_by: [...groupBy],
    columns: [...groupBy.flatMap(columnsOf), 'currency', ...COUNTS, 'amount'],
    rows: report.lines.map((line) => ({ ...groupCells(line, groupBy, view), ...measureCells(line) })),
    totals: report.totals.map((line) => z.object(measures).parse(measureCells(line))),
  };
}

/** The rows as CSV; there is no line of totals, so that a column's sum is the total. */
export function reportCsv(document: ReportDocument): string {
  return writeCsv(document.columns, document.rows);
}

function columnsOf(dimension: Dimension): string[] {
  return isNamed(dimension) ? [dimension, `${dimension}_name`] : [dimension];
}

function groupCells(
  line: ReportLine,
  groupBy: readonly Dimension[],
  view: DirectoryView,
): Record<string, Cell> {
  const cells: Record<string, Cell> = {};
  for (const [index, dimension] of groupBy.entries()) {
    const value = line.group[index] ?? null;
    cells[dimension] = value;
    if (isNamed(dimension))
      cells[`${dimension}_name`] = value === null ? null : nameIn(view, dimension, value);
  }
  return cells;
}

function measureCells(line: ReportLine): Record<string, Cell> {
  return { currency: line.currency, ...line.counts, amount: line.amount };
}
