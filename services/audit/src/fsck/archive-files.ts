import { createHash } from 'node:crypto';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import path from 'node:path';
import { crc32 } from 'node:zlib';

/** An event as an archive folder holds it. */
export interface FoundEvent {
  readonly leafIndex: number;
  readonly salt: Buffer;
  readonly bytes: Buffer;
}

interface SegmentFile {
  readonly name: string;
  readonly firstLeaf: number;
  readonly epoch: number;
  /** Where another writer's segment takes over; Infinity for the last. */
  readonly endLeaf: number;
}

const NAME = /^(\d{19})-(\d{10})\.seg$/;
const HEADER_BYTES = 24;
const FRAME_HEAD_BYTES = 8;
/** Leaf index and salt. */
const BODY_HEAD_BYTES = 40;
const MAX_BODY_BYTES = BODY_HEAD_BYTES + 65_535;
const READ_BYTES = 1 << 20;

/**
 * The events of an archive folder in the order of the log, as far as it goes, read without the index. Where several
 * segments claim a leaf, the writer of the latest epoch is the one who was believed. Ends at the first frame that is not
 * whole: what is then missing the caller finds by counting.
 */
export async function* eventsOfFolder(folder: string): AsyncGenerator<FoundEvent> {
  for (const segment of await segmentsOf(folder)) {
    if (segment.endLeaf <= segment.firstLeaf) continue;
    const handle = await open(path.join(folder, segment.name), 'r');
    try {
      yield* eventsOfSegment(handle, segment);
    } finally {
      await handle.close();
    }
  }
}

/** In the order of the log; what a later epoch took over from an earlier one is cut off. */
async function segmentsOf(folder: string): Promise<SegmentFile[]> {
  const named = (await readdir(folder)).flatMap((name) => {
    const [, firstLeaf, epoch] = NAME.exec(name) ?? [];
    return firstLeaf === undefined ? [] : [{ name, firstLeaf: Number(firstLeaf), epoch: Number(epoch) }];
  });
  named.sort((a, b) => a.firstLeaf - b.firstLeaf || a.epoch - b.epoch);
  return named.map((segment, nth) => {
    const next = named.slice(nth + 1).find(({ epoch }) => epoch >= segment.epoch);
    const beaten = named.slice(0, nth).some(({ epoch }) => epoch > segment.epoch);
    return {
      ...segment,
      endLeaf: beaten ? segment.firstLeaf : (next?.firstLeaf ?? Number.POSITIVE_INFINITY),
    };
  });
}

async function* eventsOfSegment(handle: FileHandle, segment: SegmentFile): AsyncGenerator<FoundEvent> {
  let pending: Buffer = Buffer.alloc(0);
  let offset = HEADER_BYTES;
  let leafIndex = segment.firstLeaf;
  for (;;) {
    const chunk = Buffer.allocUnsafe(READ_BYTES);
    const { bytesRead } = await handle.read(chunk, 0, READ_BYTES, offset);
    if (bytesRead === 0) return;
    offset += bytesRead;
    pending = Buffer.concat([pending, chunk.subarray(0, bytesRead)]);
    let at = 0;
    for (;;) {
      if (leafIndex >= segment.endLeaf) return;
      const found = frameAt(pending, at);
      if (found === 'broken' || (found !== null && found.event.leafIndex !== leafIndex)) return;
      if (found === null) break;
      yield found.event;
      at = found.end;
      leafIndex += 1;
    }
    pending = pending.subarray(at);
  }
}

function frameAt(bytes: Buffer, at: number): { event: FoundEvent; end: number } | 'broken' | null {
  if (bytes.length - at < FRAME_HEAD_BYTES) return null;
  const length = bytes.readUInt32BE(at);
  if (length <= BODY_HEAD_BYTES || length > MAX_BODY_BYTES) return 'broken';
  const body = at + FRAME_HEAD_BYTES;
  if (bytes.length < body + length) return null;
  const frame = bytes.subarray(body, body + length);
  if (crc32(frame) !== bytes.readUInt32BE(at + 4)) return 'broken';
  return {
    event: {
      leafIndex: Number(frame.readBigUInt64BE(0)),
      salt: frame.subarray(8, BODY_HEAD_BYTES),
      bytes: frame.subarray(BODY_HEAD_BYTES),
    },
    end: body + length,
  };
}

/** The log's entry of an event, as documented: version, source, sequence, type and digest. Null where it is no event. */
export function entryOf({ salt, bytes }: FoundEvent): Buffer | null {
  const event: unknown = parsed(bytes);
  if (typeof event !== 'object' || event === null) return null;
  const { source, sequence, type } = event as Readonly<Record<string, unknown>>;
  if (typeof source !== 'string' || typeof type !== 'string' || !/^\d{1,19}$/.test(String(sequence)))
    return null;
  const typeBytes = Buffer.from(type.toWellFormed());
  const numbers = Buffer.alloc(10);
  numbers.writeBigUInt64BE(BigInt(String(sequence)), 0);
  numbers.writeUInt16BE(typeBytes.length, 8);
  return Buffer.concat([
    Buffer.of(1),
    createHash('sha256').update(source.toWellFormed()).digest(),
    numbers,
    typeBytes,
    createHash('sha256').update(salt).update(bytes).digest(),
  ]);
}

function parsed(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
}
