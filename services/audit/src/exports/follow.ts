import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError, type ServiceClient, ServiceError } from '@tollgate/http';
import { z } from 'zod';
import { isMissing } from '../files/error-code.ts';
import { writeWhole } from '../files/whole-file.ts';
import { type ExportQuery, fetchPage } from './fetch-page.ts';

const stateFile = z.object({
  after: z.int().min(-1),
  /** Of the file that is fed, with all that came up to there. */
  bytes: z.int().min(0).optional(),
  query: z.record(z.string(), z.string()),
});

/** Where a feed goes. */
export interface FeedOutput {
  /** Told once, before anything is written, how many bytes it had when the state was kept. */
  readonly resumeAt?: (bytes: number) => Promise<void>;
  /** Takes whole lines; resolves when they are where they belong, for good, to how many bytes there are, if it knows. */
  readonly write: (lines: string) => Promise<number | undefined>;
}

export interface FollowOptions {
  readonly client: ServiceClient;
  readonly query: ExportQuery;
  /** Where it is kept how far the feed has come. */
  readonly stateFile: string;
  readonly output: FeedOutput;
  /** Ends the feed after the page in hand. */
  readonly signal: AbortSignal;
  readonly pauseMs: number;
  /** Told of each failure that it tries again after. */
  readonly onTrouble: (error: Error) => void;
}

const MAX_BACK_OFF_MS = 60_000;

/**
 * Feeds events on as they come, from where the state file says on. What is written is written before the state moves:
 * after a crash the last page comes again. A file knows what it has of it; another receiver drops it by id.
 *
 * @throws ConfigError where the state is that of another feed; ServiceError for what no waiting mends
 */
export async function followExport(options: FollowOptions): Promise<void> {
  const { client, query, signal, pauseMs, output } = options;
  let { after, bytes } = await readState(options.stateFile, query);
  await output.resumeAt?.(bytes ?? 0);
  let backOffMs = pauseMs;
  while (!signal.aborted) {
    try {
      const page = await fetchPage(client, query, after, signal);
      if (page.text !== '') bytes = await output.write(page.text);
      if (page.after !== after) await writeState(options.stateFile, { after: page.after, bytes }, query);
      after = page.after;
      backOffMs = pauseMs;
      if (page.isLast) await pause(pauseMs, signal);
    } catch (error) {
      if (signal.aborted) return;
      if (!(error instanceof ServiceError) || !passes(error)) throw error;
      options.onTrouble(error);
      await pause(backOffMs, signal);
      backOffMs = Math.min(backOffMs * 2, MAX_BACK_OFF_MS);
    }
  }
}

/** Whether waiting may mend it: whoever is refused stays refused. */
function passes({ status }: ServiceError): boolean {
  return status === null || status === 429 || status >= 500;
}

interface Progress {
  readonly after: number;
  readonly bytes: number | undefined;
}

async function readState(file: string, query: ExportQuery): Promise<Progress> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (isMissing(error)) return { after: -1, bytes: undefined };
    throw new ConfigError('--state', `${file} can't be read`);
  }
  const state = stateFile.safeParse(parsed(text));
  if (!state.success) throw new ConfigError('--state', `${file} is no state of a feed`);
  if (JSON.stringify(state.data.query) !== JSON.stringify(given(query))) {
    throw new ConfigError('--state', `${file} is of a feed with another format or filter: give each its own`);
  }
  return { after: state.data.after, bytes: state.data.bytes };
}

/** Whole or not at all, and durable. */
async function writeState(file: string, progress: Progress, query: ExportQuery): Promise<void> {
  const text = `${JSON.stringify({ ...progress, query: given(query) })}\n`;
  await writeWhole(file, `${file}.tmp`, (handle) => handle.writeFile(text));
}

function given(query: ExportQuery): Record<string, string> {
  const entries = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
  return Object.fromEntries(entries.sort(([a = ''], [b = '']) => (a < b ? -1 : 1)));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch(() => {});
}
