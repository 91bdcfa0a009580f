import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { ReplayError } from './errors.ts';

/** One recorded request: when it came, how long its prompt was, how long its answer. */
export interface TraceRow {
  /** From 0, in the order of the file. */
  readonly index: number;
  /** Milliseconds after the first row. */
  readonly atMs: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
}

/** A prompt or answer above this is taken for a broken file rather than sent. */
const MAX_TOKENS_PER_REQUEST = 2_000_000;
const COLUMNS = ['TIMESTAMP', 'ContextTokens', 'GeneratedTokens'] as const;

/**
 * Reads a trace: CSV with a header that names TIMESTAMP, ContextTokens and GeneratedTokens in any order, such as
 * the Azure LLM inference traces. Timestamps are UTC, with or without a zone, to any fraction of a second.
 *
 * @param limit reads at most this many rows
 * @throws ReplayError naming file, line and column of the first value that can't be read
 */
export async function readTrace(file: string, limit = Number.POSITIVE_INFINITY): Promise<TraceRow[]> {
  const rows: TraceRow[] = [];
  let columns: readonly number[] | null = null;
  let width = 0;
  let firstMs: number | null = null;
  let line = 0;
  const input = createReadStream(file, 'utf8');
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      line += 1;
      if (text.trim() === '') continue;
      const cells = text
        .replace(/^\uFEFF/, '')
        .split(',')
        .map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
      if (columns === null) {
        columns = readHeader(cells, file);
        width = cells.length;
        continue;
      }
      if (rows.length >= limit) break;
      if (cells.length !== width) {
        throw new ReplayError(
          'trace-malformed',
          `${file}:${line}: it has ${cells.length} values, and the header has ${width} columns`,
        );
      }
      const [timestamp, input, output] = columns.map((column) => cells[column] ?? '');
      const atMs = readInstant(timestamp ?? '', file, line);
      firstMs ??= atMs;
      rows.push({
        index: rows.length,
        atMs: Math.max(0, atMs - firstMs),
        inputTokens: readTokens(input ?? '', 'ContextTokens', file, line),
        outputTokens: readTokens(output ?? '', 'GeneratedTokens', file, line),
      });
    }
  } catch (error) {
    if (error instanceof ReplayError) throw error;
    throw new ReplayError('trace-unreadable', `${file} can't be read: ${message(error)}`);
  } finally {
    input.destroy();
  }
  if (rows.length === 0) throw new ReplayError('trace-empty', `${file} holds no requests`);
  return rows;
}

function readHeader(cells: readonly string[], file: string): number[] {
  return COLUMNS.map((name) => {
    const column = cells.findIndex((cell) => cell.toLowerCase() === name.toLowerCase());
    if (column < 0) {
      throw new ReplayError(
        'trace-malformed',
        `${file}:1: the header has no column ${name} (has: ${cells.join(', ')})`,
      );
    }
    return column;
  });
}

function readInstant(text: string, file: string, line: number): number {
  // Date.parse takes any number of fraction digits, but only ISO 8601 with a T and a zone means the same anywhere.
  const iso = text.replace(' ', 'T');
  const ms = Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(iso) ? iso : `${iso}Z`);
  if (Number.isNaN(ms))
    throw new ReplayError('trace-malformed', `${file}:${line}: TIMESTAMP '${text}' is no time`);
  return ms;
}

function readTokens(text: string, column: string, file: string, line: number): number {
  const tokens = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(tokens <= MAX_TOKENS_PER_REQUEST)) {
    throw new ReplayError(
      'trace-malformed',
      `${file}:${line}: ${column} '${text}' is no number of tokens from 0 to ${MAX_TOKENS_PER_REQUEST}`,
    );
  }
  return tokens;
}

function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
