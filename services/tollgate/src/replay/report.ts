import type { ReplayReport } from './run.ts';
import type { Totals } from './totals.ts';

/** The one line that `--json` ends with. */
export function jsonLine(report: ReplayReport): string {
  const { sent, audit, charges, budgets, lakehouse, abandoned, seconds, differences } = report;
  return JSON.stringify({
    sent,
    audit,
    charges,
    budgets,
    lakehouse,
    abandoned,
    seconds,
    equal: differences.length === 0,
    differences,
  });
}

/** The report for a person. */
export function table(report: ReplayReport): string {
  const rows: [string, string, Totals][] = report.teams.flatMap(({ team, ...places }) =>
    Object.entries(places).map(([place, totals]): [string, string, Totals] => [team, place, totals]),
  );
  const { sent, audit, charges, budgets, lakehouse, abandoned } = report;
  for (const [place, totals] of Object.entries({ sent, audit, charges, budgets, lakehouse, abandoned }))
    rows.push(['all', place, totals]);
  const cells = [
    ['team', 'place', 'requests', 'input tokens', 'output tokens'],
    ...rows.map(([team, place, totals]) => [
      team,
      place,
      ...[totals.requests, totals.input_tokens, totals.output_tokens].map((n) => n.toLocaleString('en-US')),
    ]),
  ];
  const widths =
    cells[0]?.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = cells.map((row) =>
    row
      .map((cell, column) =>
        column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  );
  const verdict =
    report.differences.length === 0
      ? [`Equal in every place, after ${report.seconds} s and ${report.attempts} attempts.`]
      : ['NOT EQUAL:', ...report.differences.map((difference) => `  ${difference}`)];
  return `${[...lines, '', ...verdict].join('\n')}\n`;
}
