/**
 * Where archive segments live. One writer at a time per name, which the integrator guarantees by naming each
 * segment after its own epoch; any number of readers.
 */
export interface SegmentStore {
  /** Writes at `offset`; what lay beyond the written bytes is void from here on. Not durable until `sync`. */
  write(name: string, offset: number, bytes: Buffer): Promise<void>;
  /** Resolves when everything written to the segment survives a loss of power, its name included. */
  sync(name: string): Promise<void>;
  /** Up to `length` bytes from `offset`: fewer where the segment ends before. @throws AuditError `archive_truncated` */
  read(name: string, offset: number, length: number): Promise<Buffer>;
  /** Bytes in the segment; null where there is none of that name. */
  size(name: string): Promise<number | null>;
  close(): Promise<void>;
}

const LEAF_DIGITS = 19;
const EPOCH_DIGITS = 10;

/**
 * `<first leaf>-<epoch>.seg`, which sorts as the log runs. The epoch keeps a writer that has lost its leadership, but does not know it
 * yet, away from the bytes of its successor.
 */
export function segmentName(firstLeaf: number, epoch: number): string {
  return `${String(firstLeaf).padStart(LEAF_DIGITS, '0')}-${String(epoch).padStart(EPOCH_DIGITS, '0')}.seg`;
}
