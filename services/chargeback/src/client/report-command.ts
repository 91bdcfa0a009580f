import { writeFile } from 'node:fs/promises';
import type { ServiceClient } from '@tollgate/http';
import { Command, Option } from 'commander';
import { DIMENSIONS } from '../reports/dimensions.ts';
import { reportCsv, reportDocument } from '../reports/report-document.ts';

type ReportFlags = {
  readonly period?: string;
  readonly from?: string;
  readonly to?: string;
  readonly groupBy: string;
  readonly format: 'json' | 'csv';
  readonly json?: boolean;
  readonly out?: string;
};

/** `tollgate report`: the service's report, as JSON or CSV, to standard output or a file. */
export function reportCommandOf(connect: () => ServiceClient): Command {
  return new Command('report')
    .description('what each team used and what it costs')
    .option('--period <month>', 'a billing period, such as 2026-03')
    .option('--from <instant>', 'instead of a period: the first hour, such as 2026-03-01T00:00:00Z')
    .option('--to <instant>', 'the hour at which it ends, not included')
    .option('--group-by <dimensions>', `by commas, of: ${Object.keys(DIMENSIONS).join(', ')}`, 'team')
    .addOption(new Option('--format <format>').choices(['json', 'csv']).default('csv'))
    .option('--json', 'the same as --format json')
    .option('--out <file>', 'write to a file instead of standard output')
    .action(async (flags: ReportFlags) => {
      const { period, from, to, groupBy, out } = flags;
      const document = await connect().call({
        method: 'GET',
        path: '/v1/report',
        query: { period, from, to, group_by: groupBy },
        answer: reportDocument,
      });
      const asJson = flags.json === true || flags.format === 'json';
      const text = asJson ? `${JSON.stringify(document)}\n` : reportCsv(document);
      if (out === undefined) process.stdout.write(text);
      else await writeFile(out, text);
    });
}
