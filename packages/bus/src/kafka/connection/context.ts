import type { Logger } from '@tollgate/telemetry';
import type { BusMetrics } from '../../metrics.ts';
import type { KafkaConfig } from './config.ts';

/** What every part of the Kafka bus is given. */
export type KafkaContext = {
  readonly config: KafkaConfig;
  readonly logger: Logger;
  readonly metrics?: BusMetrics;
  /** Shown in the broker's logs and quotas, such as `tollgate-audit`. */
  readonly clientId: string;
  /** Milliseconds since 1970. */
  readonly nowMs: () => number;
  /** From 0 up to 1. */
  readonly random: () => number;
};
