import type { ComplianceStandard } from '@tollgate/policy';
import type { CatalogueMode } from '../file/file-schema.ts';

/** How soon an answer is needed, which says which modes come into question. */
export const LATENCIES = ['best-effort', 'interactive', 'guaranteed', 'batch'] as const;
export type Latency = (typeof LATENCIES)[number];

/** What a model is needed for. */
export interface Requirements {
  readonly task: 'chat' | 'embeddings';
  readonly latency: Latency | null;
  /** `null`: whichever the latency asks for. */
  readonly mode: CatalogueMode | null;
  readonly region: string;
  readonly secondaryRegion: string | null;
  /** The region or geography that data may not leave; `null`: none is named. */
  readonly residency: string | null;
  readonly standards: readonly ComplianceStandard[];
  readonly crossGeographyAllowed: boolean;
  /** Tokens that have to fit; `null`: any. */
  readonly context: number | null;
  /** The most that a million tokens may cost, of input and of output each, in USD; `null`: anything. */
  readonly budget: string | null;
  /** Whether previews come into question. */
  readonly previews: boolean;
}

/**
 * The serving modes that fit, in the order of the selection template: pay-per-token for what nobody waits for or is promised,
 * AI Functions for batches, provisioned throughput where latency is promised, and where answers are awaited first.
 */
export function modesFor({
  mode,
  latency,
}: Pick<Requirements, 'mode' | 'latency'>): readonly CatalogueMode[] {
  if (mode !== null) return [mode];
  switch (latency) {
    case 'batch':
      return ['batch'];
    case 'guaranteed':
      return ['provisioned-throughput'];
    case 'interactive':
      return ['provisioned-throughput', 'pay-per-token'];
    case 'best-effort':
    case null:
      return ['pay-per-token', 'provisioned-throughput'];
  }
}
