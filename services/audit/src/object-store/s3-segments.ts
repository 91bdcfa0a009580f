import type { SegmentStore } from '../archive/segment-store.ts';
import { AuditError } from '../errors.ts';
import type { S3Bucket } from './s3-bucket.ts';

const FOLDER = 'archive/';
const OFFSET_DIGITS = 10;
/** Segments whose parts are remembered. */
const MAX_KNOWN_SEGMENTS = 256;
/** Parts that are fetched at once. */
const PARALLEL_READS = 16;

interface Part {
  readonly key: string;
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Segments as runs of objects: each write that is synced is an object of its own, `archive/<segment>/<offset>`, which is
 * locked and never replaced. Objects can't grow, and an event has to be safe before it counts, so a batch is a part.
 */
export function openS3Segments(bucket: S3Bucket): SegmentStore {
  const known = new Map<string, readonly Part[]>();
  let pending: {
    readonly name: string;
    readonly offset: number;
    readonly pieces: Buffer[];
    bytes: number;
  } | null = null;

  /** What is there of a segment; asked again where it has to reach farther. */
  async function partsOf(name: string, reach: number): Promise<readonly Part[]> {
    const remembered = known.get(name);
    if (remembered !== undefined && endOf(remembered) >= reach) return remembered;
    const start = `${FOLDER}${name}/`;
    const parts = (await bucket.list(start)).map(({ key, bytes }) => ({
      key,
      bytes,
      offset: Number(key.slice(start.length)),
    }));
    known.delete(name);
    known.set(name, parts);
    for (const oldest of known.keys()) {
      if (known.size <= MAX_KNOWN_SEGMENTS) break;
      known.delete(oldest);
    }
    return parts;
  }

  return {
    async write(name, offset, bytes) {
      if (pending?.name === name && pending.offset + pending.bytes === offset) {
        pending.pieces.push(bytes);
        pending.bytes += bytes.length;
      } else {
        // What an epoch wrote and never synced is void: it ended.
        pending = { name, offset, pieces: [bytes], bytes: bytes.length };
      }
    },
    async sync(name) {
      if (pending === null || pending.name !== name) return;
      const { offset, pieces } = pending;
      pending = null;
      const key = `${FOLDER}${name}/${String(offset).padStart(OFFSET_DIGITS, '0')}`;
      const bytes = Buffer.concat(pieces);
      if (await bucket.create(key, bytes, true)) return;
      // A reply that was lost, or somebody who writes under our epoch.
      const there = await bucket.read(key);
      if (there?.equals(bytes) !== true) {
        throw new AuditError('log_forked', `${key} holds other bytes: something else writes to this archive`);
      }
    },
    async read(name, offset, length) {
      const parts = await partsOf(name, offset + length);
      if (parts.length === 0) {
        throw new AuditError(
          'archive_truncated',
          `segment ${name} is missing: restore it (delete markers hide objects)`,
        );
      }
      const wanted = parts.filter(
        (part) => part.offset < offset + length && part.offset + part.bytes > offset,
      );
      const pieces: Buffer[] = [];
      for (let at = 0; at < wanted.length; at += PARALLEL_READS) {
        pieces.push(...(await Promise.all(wanted.slice(at, at + PARALLEL_READS).map(piece))));
      }
      return Buffer.concat(pieces);

      async function piece(part: Part): Promise<Buffer> {
        const from = Math.max(0, offset - part.offset);
        const to = Math.min(part.bytes, offset + length - part.offset);
        const whole = from === 0 && to === part.bytes;
        const bytes = await bucket.read(part.key, whole ? undefined : { offset: from, length: to - from });
        if (bytes?.length === to - from) return bytes;
        throw new AuditError(
          'archive_truncated',
          `${part.key} of the archive is missing or short: restore it`,
        );
      }
    },
    async size(name) {
      const parts = await partsOf(name, Number.POSITIVE_INFINITY);
      return parts.length === 0 ? null : endOf(parts);
    },
    async close() {
      bucket.close();
    },
  };
}

/** Where the parts end that lie one behind the other from the beginning. */
function endOf(parts: readonly Part[]): number {
  let end = 0;
  for (const part of parts) {
    if (part.offset !== end) break;
    end += part.bytes;
  }
  return end;
}
