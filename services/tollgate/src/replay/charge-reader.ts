import type { ServiceClient } from '@tollgate/http';
import { z } from 'zod';
import type { UsageReader } from './catch-up.ts';
import type { FinalUsage } from './ledger.ts';

/** As many as the service gives. */
const PAGE = 1000;

const answer = z.object({
  items: z.array(
    z.object({
      request_id: z.string(),
      client_request_id: z.string().nullable(),
      team_id: z.string(),
      final: z.boolean(),
      input_tokens: z.int(),
      output_tokens: z.int(),
    }),
  ),
  next_cursor: z.string().nullable(),
  cursor: z.string(),
});

/** Reads final usages from the chargeback service, as it charged them. */
export class ChargeReader implements UsageReader {
  readonly #client: ServiceClient;
  #cursor: string;

  private constructor(client: ServiceClient, cursor: string) {
    this.#client = client;
    this.#cursor = cursor;
  }

  /** Reads only what is charged from now on. */
  static async fromNowOn(client: ServiceClient): Promise<ChargeReader> {
    const { cursor } = await client.call({
      method: 'GET',
      path: '/v1/charges',
      query: { start: 'end', limit: 1 },
      answer,
    });
    return new ChargeReader(client, cursor);
  }

  async read(take: (usage: FinalUsage) => void): Promise<void> {
    for (;;) {
      const page = await this.#client.call({
        method: 'GET',
        path: '/v1/charges',
        query: { cursor: this.#cursor, limit: PAGE },
        answer,
      });
      this.#cursor = page.cursor;
      for (const item of page.items) {
        if (!item.final) continue;
        take({
          requestId: item.request_id,
          clientRequestId: item.client_request_id,
          teamId: item.team_id,
          inputTokens: item.input_tokens,
          outputTokens: item.output_tokens,
        });
      }
      if (page.next_cursor === null) return;
    }
  }
}
