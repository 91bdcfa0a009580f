import { existsSync } from 'node:fs';
import { seededRandom } from '@tollgate/testing';
import { readTrace, type TraceRow } from 'tollgate/replay';

/** Production traffic, where it lies beside the checkout; requests of like sizes otherwise. */
const RECORDED = new URL('../../../shared/traces/azure-llm-2023-code.csv', import.meta.url).pathname;
const SYNTHETIC_ROWS = 8000;

/** The long version, with another seed each time. */
export const soak = process.env['TOLLGATE_SOAK'] === '1';
export const seed = Number(process.env['TOLLGATE_SEED'] ?? (soak ? Date.now() % 1_000_000 : 20_261));
export const TIMEOUT_MS = soak ? 3_600_000 : 300_000;

/** The first so many rows; all unless given. */
export async function traceRows(limit = Number.POSITIVE_INFINITY): Promise<TraceRow[]> {
  if (existsSync(RECORDED)) return readTrace(RECORDED, limit);
  const random = seededRandom(seed);
  return Array.from({ length: Math.min(limit, SYNTHETIC_ROWS) }, (_, index) => ({
    index,
    atMs: 0,
    inputTokens: random.integer(1, 7000),
    outputTokens: random.integer(1, 300),
  }));
}
