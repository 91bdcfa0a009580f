import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'undici';
import { ReplayError } from './errors.ts';
import { TeamTotals } from './totals.ts';
import type { TraceRow } from './trace.ts';

/** A team that the replay sends for. */
export interface ReplayTeam {
  readonly teamId: string;
  readonly name: string;
  /** The API key to send with. */
  readonly key: string;
}

export interface LoadOptions {
  readonly url: string;
  readonly rows: readonly TraceRow[];
  readonly teams: readonly ReplayTeam[];
  readonly model: string;
  /** Begins each `x-request-id`, so that one replay's requests can be told from all others. */
  readonly replayId: string;
  /** How much faster than recorded; `max` sends as soon as a connection is free. */
  readonly speed: number | 'max';
  readonly connections: number;
  /** Gives up on a row that has not been answered for this long, tried again and again. */
  readonly rowDeadlineMs: number;
  readonly onAnswered: (answered: number) => void;
  /** Awaited before a row is first sent. */
  readonly beforeRow?: (row: TraceRow) => Promise<void>;
  readonly signal?: AbortSignal;
}

/** What the client of a replay knows: what it sent and saw answered in full. */
export interface LoadResult {
  readonly sent: TeamTotals;
  /** The `x-request-id` of each attempt that was answered in full. */
  readonly answered: ReadonlySet<string>;
  readonly attempts: number;
}

const FIRST_RETRY_MS = 25;
const MAX_RETRY_MS = 1000;
const ATTEMPT_TIMEOUT_MS = 60_000;
/** Each third row streams, so that both ways of answering are replayed. */
const STREAM_EVERY = 3;
const DONE = Buffer.from('data: [DONE]');

/**
 * Sends every row until it is answered, over a fixed number of connections.
 *
 * @throws ReplayError `not-answered` when a row stays unanswered for `rowDeadlineMs`
 */
export async function sendTrace(options: LoadOptions): Promise<LoadResult> {
  const { rows, teams, connections } = options;
  const pool = new Pool(options.url, { connections, pipelining: 1 });
  const sent = new TeamTotals();
  const answered = new Set<string>();
  let attempts = 0;
  let next = 0;
  const startedMs = performance.now();

  const sendRow = async (row: TraceRow) => {
    const team = teams[row.index % teams.length];
    if (team === undefined) throw new RangeError('a replay needs a team');
    const body = requestBody(row, options.model);
    const deadlineMs = performance.now() + options.rowDeadlineMs;
    for (let attempt = 1; ; attempt += 1) {
      options.signal?.throwIfAborted();
      const id = `${options.replayId}-${row.index}-${attempt}`;
      attempts += 1;
      const failure = await attemptOnce(pool, body, row, team.key, id);
      if (failure === null) {
        answered.add(id);
        sent.add(team.teamId, {
          requests: 1,
          input_tokens: row.inputTokens,
          output_tokens: row.outputTokens,
        });
        options.onAnswered(answered.size);
        return;
      }
      if (!failure.retry || performance.now() > deadlineMs) {
        throw new ReplayError('not-answered', `row ${row.index} was not answered: ${failure.reason}`);
      }
      await delay(Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(attempt, 10)));
    }
  };
  const worker = async () => {
    for (let row = rows[next++]; row !== undefined; row = rows[next++]) {
      if (options.speed !== 'max') {
        const waitMs = row.atMs / options.speed - (performance.now() - startedMs);
        if (waitMs > 0) await delay(waitMs);
      }
      await options.beforeRow?.(row);
      await sendRow(row);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(connections, rows.length) }, worker));
  } finally {
    next = rows.length;
    await pool.destroy();
  }
  return { sent, answered, attempts };
}

function streams(row: TraceRow): boolean {
  return row.index % STREAM_EVERY === 0;
}

/** A prompt of exactly the recorded length: the simulated upstream counts whitespace-separated words. */
function requestBody(row: TraceRow, model: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      model,
      messages: [{ role: 'user', content: 'w '.repeat(row.inputTokens).trimEnd() }],
      max_tokens: row.outputTokens,
      ...(streams(row) ? { stream: true } : {}),
    }),
  );
}

interface Failure {
  readonly retry: boolean;
  readonly reason: string;
}

/** Null when the whole answer has come. */
async function attemptOnce(
  pool: Pool,
  body: Buffer,
  row: TraceRow,
  key: string,
  id: string,
): Promise<Failure | null> {
  try {
    const response = await pool.request({
      path: '/v1/chat/completions',
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${key}`, 'x-request-id': id },
      body,
      headersTimeout: ATTEMPT_TIMEOUT_MS,
      bodyTimeout: ATTEMPT_TIMEOUT_MS,
    });
    const answer = Buffer.from(await response.body.arrayBuffer());
    if (response.statusCode !== 200) {
      const { statusCode } = response;
      // 401 too: a gateway that has just started may not have read a new key yet.
      const retry = statusCode >= 500 || statusCode === 429 || statusCode === 408 || statusCode === 401;
      return { retry, reason: `HTTP ${statusCode} ${answer.subarray(0, 300).toString()}` };
    }
    if (streams(row) && !answer.includes(DONE)) return { retry: true, reason: 'the stream ended early' };
    return null;
  } catch (error) {
    return { retry: true, reason: error instanceof Error ? error.message : String(error) };
  }
}
