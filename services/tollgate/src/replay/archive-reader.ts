import { parseEvent, type UsageData } from '@tollgate/events';
import { z } from 'zod';
import type { UsageReader } from './catch-up.ts';
import { ReplayError } from './errors.ts';
import type { FinalUsage } from './ledger.ts';

const USAGE = 'tollgate.usage.v1';
const PAGE = 10_000;
/** Past any leaf: answered with where the log ends. */
const THE_END = 999_999_999_999_999;
const TIMEOUT_MS = 60_000;

const line = z.union([
  z.object({ leaf_index: z.int(), event: z.base64() }),
  z.object({ after: z.int(), log_size: z.int() }),
]);

/** Reads final usages from the audit service's archive: from the exact bytes that it keeps, not from its index. */
export class ArchiveReader implements UsageReader {
  readonly #auditUrl: string;
  readonly #token: string;
  #after: number;

  private constructor(auditUrl: string, token: string, after: number) {
    this.#auditUrl = auditUrl;
    this.#token = token;
    this.#after = after;
  }

  /** Reads only what is archived from now on. */
  static async fromNowOn(auditUrl: string, token: string): Promise<ArchiveReader> {
    const reader = new ArchiveReader(auditUrl, token, THE_END);
    await reader.#page();
    return reader;
  }

  async read(take: (usage: FinalUsage) => void): Promise<void> {
    for (;;) {
      const { usages, atEnd } = await this.#page();
      for (const usage of usages) take(usage);
      if (atEnd) return;
    }
  }

  async #page(): Promise<{ usages: FinalUsage[]; atEnd: boolean }> {
    const url = `${this.#auditUrl}/v1/archive?after=${this.#after}&type=${USAGE}&limit=${PAGE}`;
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${this.#token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const text = await response.text();
    if (!response.ok) {
      throw new ReplayError(
        'service-refused',
        `the archive answered ${response.status}: ${text.slice(0, 300)}`,
      );
    }
    const usages: FinalUsage[] = [];
    for (const row of text.split('\n')) {
      if (row === '') continue;
      const parsed = line.parse(JSON.parse(row));
      if ('event' in parsed) {
        const usage = finalUsage(Buffer.from(parsed.event, 'base64'));
        if (usage) usages.push(usage);
      } else {
        // Moved only when the page has come whole: a page that was cut off is read again.
        this.#after = parsed.after;
        return { usages, atEnd: parsed.after >= parsed.log_size - 1 };
      }
    }
    throw new ReplayError('service-refused', 'the archive ended a page early');
  }
}

function finalUsage(bytes: Buffer): FinalUsage | null {
  const parsed = parseEvent(bytes);
  if (parsed.kind !== 'event' || parsed.event.type !== USAGE) {
    throw new ReplayError('service-refused', 'the archive holds a usage event that can not be read');
  }
  const data: UsageData = parsed.event.data;
  if (!data.final) return null;
  return {
    requestId: parsed.event.subject,
    clientRequestId: data.client_request_id,
    teamId: data.attribution.team_id,
    inputTokens: data.quantities.input_tokens,
    outputTokens: data.quantities.output_tokens,
  };
}
