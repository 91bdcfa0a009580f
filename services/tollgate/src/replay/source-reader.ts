import type { ServiceClient } from '@tollgate/http';
import { z } from 'zod';
import type { SourcesReader } from './catch-up.ts';

const answer = z.object({
  sources: z.array(
    z.object({
      source: z.string(),
      state: z.enum(['open', 'stopped', 'lost']),
      through: z.int(),
      missing: z.int(),
      gaps: z.array(z.unknown()),
      heard_at: z.string(),
    }),
  ),
});

/** Asks the audit service how each source stands. */
export class SourceReader implements SourcesReader {
  readonly #client: ServiceClient;
  /** When each source had last been heard of at the first look. */
  #firstHeard: Map<string, string> | null = null;

  constructor(client: ServiceClient) {
    this.#client = client;
  }

  async behind(): Promise<string[]> {
    const { sources } = await this.#client.call({ method: 'GET', path: '/v1/sources', answer });
    this.#firstHeard ??= new Map(sources.map(({ source, heard_at }) => [source, heard_at]));
    const behind: string[] = [];
    for (const { source, state, through, missing, gaps, heard_at } of sources) {
      if (missing > 0 || gaps.length > 0) {
        behind.push(`${source}: ${missing} events up to ${through} have not come`);
      } else if (state === 'open' && this.#firstHeard.get(source) === heard_at) {
        // Only a word said after the first look covers everything that had been sent by then.
        behind.push(`${source}: not heard of since the last answer`);
      }
    }
    return behind;
  }
}
