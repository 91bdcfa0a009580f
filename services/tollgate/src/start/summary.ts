import { relative, sep } from 'node:path';
import { lakehouseFile, type ServiceName } from '../stack/environment.ts';
import { DEMO_MODEL } from './default-policy.ts';
import type { Home } from './home.ts';
import { shellWord } from './shell-word.ts';

/** What whoever started a Tollgate has to know. */
export interface Facts {
  readonly home: Home;
  /** By part; `simulated-databricks` only where it runs. */
  readonly urls: Readonly<Record<string, string>>;
  /** Null where there is no limit. */
  readonly limitId: string | null;
  /** What a first request asks for; null where nothing is served. */
  readonly model: string | null;
  /** The policy that is served. */
  readonly policyFile: string;
  /** Null: the simulated one. */
  readonly databricksHost: string | null;
  /** The path of the SQL warehouse that is delivered to; null: a file. */
  readonly warehouse: string | null;
  /** What commands begin with where they are to find this Tollgate, such as `npx tollgate`. */
  readonly command: string;
  /** Whether a proxy is set for curl that it would take on this machine, too. */
  readonly behindProxy: boolean;
  /** The current billing period, such as 2026-03. */
  readonly period: string;
  /** Makes a heading of a text. */
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
}

/** A first request, for a shell. The key stays in its file. */
export function curlLine({ home, urls, model, behindProxy }: Facts): string {
  const body = { model: model ?? DEMO_MODEL, messages: [{ role: 'user', content: 'Why is the sky blue?' }] };
  const proxy = behindProxy ? " --noproxy '*'" : '';
  return `curl${proxy} ${urls['gateway']}/v1/chat/completions -H ${shellWord(`@${home.demoKeyHeader}`)} -H 'content-type: application/json' -d ${shellWord(JSON.stringify(body))}`;
}

export function commandLines({
  command,
  period,
  limitId,
}: Facts): { readonly line: string; readonly what: string }[] {
  return [
    { line: `${command} report --period ${period}`, what: 'what each team used, and what it costs' },
    { line: `${command} audit search --limit 5`, what: 'the last events of the audit trail' },
    ...(limitId === null
      ? []
      : [{ line: `${command} limits show ${limitId}`, what: 'what is used and left of a limit' }]),
  ];
}

/** What each service is for, in the order in which they are told. */
const PURPOSES = {
  directory: 'who may call: teams, people, keys',
  audit: 'the audit trail',
  chargeback: 'prices, charges, reports',
  budgets: 'limits, and what is left of them',
  'databricks-sync': 'the lakehouse: what is delivered there, and what waits',
} as const satisfies Partial<Record<ServiceName, string>>;

/** The text that a start ends with. */
export function summary(facts: Facts & { readonly readyAfter: string }): string {
  const { home, urls, bold, dim } = facts;
  const commands = commandLines(facts).map(({ line, what }) => [line, what] as const);
  const places = [
    ['gateway', `${urls['gateway']}/v1`, `for OpenAI clients; the key is in ${shown(home.demoKey)}`],
    ...Object.entries(PURPOSES).map(([name, what]) => [name, urls[name] ?? '', what] as const),
    facts.databricksHost === null
      ? ([
          'models from',
          urls['simulated-databricks'] ?? '',
          'simulated: set DATABRICKS_HOST and DATABRICKS_TOKEN for yours',
        ] as const)
      : (['models from', facts.databricksHost, ''] as const),
    [
      'lakehouse',
      facts.warehouse ?? shown(lakehouseFile(home.folder)),
      facts.warehouse === null ? 'a DuckDB file stands in: set DATABRICKS_HTTP_PATH for a SQL warehouse' : '',
    ],
    ['policy', shown(facts.policyFile), 'yours to edit: what you change is taken up'],
    ['data', shown(home.folder), `all of it; the log is ${shown(home.log)}`],
  ] as const;
  return [
    `Ready after ${facts.readyAfter}.`,
    '',
    bold('Send a request'),
    '',
    `  ${curlLine(facts)}`,
    '',
    bold('See what became of it'),
    '',
    ...aligned(commands, dim),
    '',
    bold('What is where'),
    '',
    ...aligned(places, dim),
    '',
    'Each API describes itself:',
    `  curl -H ${shellWord(`@${home.ownerTokenHeader}`)} ${urls['audit']}/openapi.json`,
    '',
    'Ctrl-C ends it; everything is kept.',
    '',
  ].join('\n');
}

/** Rows in columns, the last of which explains. */
function aligned(rows: readonly (readonly string[])[], dim: (text: string) => string): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) => {
    const cells = row.slice(0, -1).map((cell, column) => cell.padEnd(widths[column] ?? 0));
    const what = row.at(-1) ?? '';
    return `  ${cells.join('   ')}${what === '' ? '' : `   ${dim(what)}`}`.trimEnd();
  });
}

/** Relative to where the reader is, if it is below. */
function shown(file: string): string {
  const path = relative(process.cwd(), file);
  return path === '' || path.startsWith(`..${sep}`) || path === '..' ? file : path;
}
