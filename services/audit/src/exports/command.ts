import { readFile } from 'node:fs/promises';
import { ConfigError, configuredClient, type ServiceClient } from '@tollgate/http';
import { Command, Option } from 'commander';
import { DEFAULT_PORT } from '../config.ts';
import { sizeOfCheckpoint } from '../evidence/make-bundle.ts';
import { writeWhole } from '../files/whole-file.ts';
import { type FilterFlags, filterMembers, withFilters } from '../search/filter-options.ts';
import { FeedFile } from './feed-file.ts';
import { type ExportQuery, fetchPage } from './fetch-page.ts';
import { followExport } from './follow.ts';
import { FORMAT_NAMES, type FormatName } from './formats.ts';

interface Flags extends FilterFlags {
  readonly format: FormatName;
  readonly out?: string;
  readonly follow?: true;
  readonly state?: string;
  readonly interval: string;
  readonly bundle?: string;
  readonly since?: string;
}

/** Making a bundle of a month, and fetching it. */
const BUNDLE_TIMEOUT_MS = 30 * 60_000;

const HELP = `
A file is written beside its place and moved there when it is whole. With --follow, events go to --out (behind what is in
it) or to standard output as they come, and --state keeps how far. After a crash a file goes on where it ends, each event
in it once; to standard output the last page comes again: drop by id what came twice. CSV has a header line at the very beginning.`;

/** `tollgate audit export`. */
export function exportCommand(): Command {
  return withFilters(new Command('export'))
    .description('events for another system, in the order of the log')
    .addOption(new Option('--format <format>').choices([...FORMAT_NAMES]).default('ndjson'))
    .option('--out <file>', 'instead of standard output')
    .option('--follow', 'go on as events come, until it is stopped')
    .option('--state <file>', 'with --follow: where it is kept how far the feed has come')
    .option('--interval <seconds>', 'with --follow: between two looks', '2')
    .option(
      '--bundle <file>',
      'a signed evidence bundle of --from and --to, or of --request-id, for `audit verify`',
    )
    .option('--since <file>', 'with --bundle: a checkpoint that you kept, from which growth is proven')
    .addHelpText('after', HELP)
    .action(async ({ format, out, follow, state, interval, bundle, since, ...filter }: Flags) => {
      const client = configuredClient(process.env, 'TOLLGATE_AUDIT_URL', DEFAULT_PORT);
      if (bundle !== undefined) return fetchBundle(client, { filter, since, out: bundle });
      const query = { ...filterMembers(filter), format };
      if (follow !== true) return exportOnce(client, query, out);
      if (state === undefined) throw new ConfigError('--state', 'is needed with --follow');
      return exportOn(client, query, { out, stateFile: state, pauseMs: secondsOf(interval) * 1000 });
    });
}

async function exportOnce(client: ServiceClient, query: ExportQuery, out: string | undefined): Promise<void> {
  if (out === undefined) await fetchPages(client, query, toStandardOutput);
  else
    await writeWhole(out, `${out}.part`, (file) => fetchPages(client, query, (text) => file.writeFile(text)));
}

async function fetchPages(
  client: ServiceClient,
  query: ExportQuery,
  write: (text: string) => Promise<void>,
): Promise<void> {
  let after = -1;
  for (;;) {
    const page = await fetchPage(client, query, after);
    await write(page.text);
    if (page.isLast) break;
    after = page.after;
  }
}

/** @throws ConfigError for filters that a bundle does not know; ServiceError */
async function fetchBundle(
  client: ServiceClient,
  {
    filter,
    since,
    out,
  }: { readonly filter: FilterFlags; readonly since: string | undefined; readonly out: string },
): Promise<void> {
  const { from, to, requestId, organisation, ...others } = filter;
  const [other] = Object.keys(others);
  if (other !== undefined)
    throw new ConfigError(`--${other}`, 'is no filter of a bundle, which shows everything of its period');
  const size = since === undefined ? undefined : sizeOfCheckpoint(await readFile(since, 'utf8'));
  const response = await client.open({
    method: 'GET',
    path: '/v1/evidence',
    query: { from, to, request_id: requestId, organisation, since: size },
    timeoutMs: BUNDLE_TIMEOUT_MS,
  });
  await writeWhole(out, `${out}.part`, async (handle) => {
    for await (const chunk of response.body ?? []) await handle.write(chunk);
  });
}

async function exportOn(
  client: ServiceClient,
  query: ExportQuery,
  {
    out,
    stateFile,
    pauseMs,
  }: { readonly out: string | undefined; readonly stateFile: string; readonly pauseMs: number },
): Promise<void> {
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  process.once('SIGINT', stop).once('SIGTERM', stop);
  const file = out === undefined ? null : await FeedFile.open(out);
  try {
    await followExport({
      client,
      query,
      stateFile,
      pauseMs,
      signal: stopping.signal,
      output: file ?? { write: toStandardOutput },
      onTrouble: (error) => process.stderr.write(`${error.message}; will try again\n`),
    });
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
    await file?.close();
  }
}

function toStandardOutput(text: string): Promise<undefined> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => (error ? reject(error) : resolve(undefined)));
  });
}

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= 3_600))
    throw new ConfigError('--interval', 'must be 0.1 to 3600 seconds');
  return seconds;
}
