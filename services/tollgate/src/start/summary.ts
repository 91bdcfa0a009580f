import { relative, sep } from 'node:path';
import { DEMO_MODEL } from './default-policy.ts';
import type { Home } from './home.ts';
import { shellWord } from './shell-word.ts';

/** What whoever started a Tollgate has to know. */
export interface Facts {
  readonly home: Home;
  /** By part; `simulated-databricks` only where it runs. */
  readonly urls: Readonly<Record<string, string>>;
  /** Null: the simulated one. */
  readonly databricksHost: string | null;
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

const BODY = { model: DEMO_MODEL, messages: [{ role: 'user', content: 'Why is the sky blue?' }] };

/** A first request, for a shell. The key stays in its file. */
export function curlLine({ home, urls, behindProxy }: Facts): string {
  const proxy = behindProxy ? " --noproxy '*'" : '';
  return `curl${proxy} ${urls['gateway']}/v1/chat/completions -H ${shellWord(`@${home.demoKeyHeader}`)} -H 'content-type: application/json' -d '${JSON.stringify(BODY)}'`;
}

export function commandLines({ command, period }: Facts): { readonly line: string; readonly what: string }[] {
  return [
    { line: `${command} report --period ${period}`, what: 'what each team used, and what it costs' },
    { line: `${command} audit search --limit 3`, what: 'the last events of the audit trail' },
  ];
}

/** The text that a start ends with. */
export function summary(facts: Facts & { readonly readyAfter: string }): string {
  const { home, urls, bold, dim } = facts;
  const commands = commandLines(facts);
  const width = Math.max(...commands.map(({ line }) => line.length));
  const rows = [
    ['gateway', `${urls['gateway']}/v1`, `OpenAI-compatible; the key is in ${shown(home.demoKey)}`],
    ...Object.entries(urls)
      .filter(([name]) => name !== 'gateway' && name !== 'simulated-databricks')
      .map(([name, url], index) => [
        name,
        url,
        index === 0
          ? `each API describes itself: curl -H @${shown(home.ownerTokenHeader)} ${url}/openapi.json`
          : '',
      ]),
    facts.databricksHost === null
      ? [
          'models from',
          urls['simulated-databricks'] ?? '',
          'simulated; set DATABRICKS_HOST and DATABRICKS_TOKEN for yours',
        ]
      : ['models from', facts.databricksHost, ''],
    ['policy', shown(home.policy), 'yours to edit; the next start takes it up'],
    ['data', shown(home.folder), `log: ${shown(home.log)}`],
  ] as const;
  const wide = [0, 1].map((column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return [
    `Ready after ${facts.readyAfter}.`,
    '',
    bold('Send a request'),
    '',
    `  ${curlLine(facts)}`,
    '',
    bold('See what became of it'),
    '',
    ...commands.map(({ line, what }) => `  ${line.padEnd(width)}   ${dim(what)}`),
    '',
    bold('What is where'),
    '',
    ...rows.map(([name = '', place = '', note = '']) =>
      `  ${name.padEnd(wide[0] ?? 0)}   ${place.padEnd(wide[1] ?? 0)}   ${dim(note)}`.trimEnd(),
    ),
    '',
    'Ctrl-C ends it; everything is kept.',
    '',
  ].join('\n');
}

/** Relative to where the reader is, if it is below. */
function shown(file: string): string {
  const path = relative(process.cwd(), file);
  return path === '' || path.startsWith(`..${sep}`) || path === '..' ? file : path;
}
