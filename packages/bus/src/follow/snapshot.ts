import { createHash } from 'node:crypto';
import { open, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { z } from 'zod';

/** The state of a topic as it was after the messages below `offsets`. */
export type Snapshot = {
  readonly topic: string;
  /** Offsets mean nothing in another topic of that name. */
  readonly identity: string;
  /** Next offset of each partition. */
  readonly offsets: ReadonlyMap<number, bigint>;
  readonly entries: readonly (readonly [key: string, value: Buffer])[];
};

const MAGIC = Buffer.from('tollgate-snapshot-1\n');
const DIGEST_BYTES = 32;
const FILE_MODE = 0o600;
/** Written together, so that a large state does not keep the event loop for long. */
const ENTRIES_PER_WRITE = 512;

const headerSchema = z.object({
  topic: z.string(),
  identity: z.string(),
  offsets: z.record(z.string().regex(/^\d+$/), z.string().regex(/^\d+$/)),
  entries: z.int().min(0),
});

/** Writes beside the file and renames over it: the file is always a whole snapshot, old or new. */
export async function writeSnapshot(file: string, snapshot: Snapshot): Promise<void> {
  const part = `${file}.part`;
  const handle = await open(part, 'w', FILE_MODE);
  try {
    const hash = createHash('sha256');
    const write = async (bytes: Buffer) => {
      hash.update(bytes);
      await handle.write(bytes);
    };
    await write(Buffer.concat([MAGIC, headerOf(snapshot)]));
    for (let start = 0; start < snapshot.entries.length; start += ENTRIES_PER_WRITE) {
      const frames = snapshot.entries.slice(start, start + ENTRIES_PER_WRITE).flatMap(frameOf);
      await write(Buffer.concat(frames));
    }
    await handle.write(hash.digest());
    await handle.sync();
  } catch (error) {
    await handle.close();
    await rm(part, { force: true });
    throw error;
  }
  await handle.close();
  await rename(part, file);
  const folder = await open(path.dirname(file), 'r');
  await folder.sync().finally(() => folder.close());
}

/** The snapshot in the file; null where there is none. @throws Error where the file is torn or foreign */
export async function readSnapshot(file: string): Promise<Snapshot | null> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
  const content = bytes.subarray(0, Math.max(0, bytes.length - DIGEST_BYTES));
  const digest = createHash('sha256').update(content).digest();
  if (!content.subarray(0, MAGIC.length).equals(MAGIC) || !digest.equals(bytes.subarray(content.length))) {
    throw new Error(`${file} is not a whole snapshot`);
  }
  return parse(content);
}

function headerOf(snapshot: Snapshot): Buffer {
  const header: z.input<typeof headerSchema> = {
    topic: snapshot.topic,
    identity: snapshot.identity,
    offsets: Object.fromEntries(
      [...snapshot.offsets].map(([partition, offset]) => [partition, String(offset)]),
    ),
    entries: snapshot.entries.length,
  };
  const json = Buffer.from(JSON.stringify(header));
  return Buffer.concat([length(json.length), json]);
}

function frameOf([key, value]: readonly [string, Buffer]): Buffer[] {
  const keyBytes = Buffer.from(key);
  return [length(keyBytes.length), length(value.length), keyBytes, value];
}

function length(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function parse(content: Buffer): Snapshot {
  let at = MAGIC.length;
  const take = (count: number) => {
    at += count;
    return content.subarray(at - count, at);
  };
  const header = headerSchema.parse(JSON.parse(take(take(4).readUInt32BE()).toString('utf8')));
  const entries: [string, Buffer][] = [];
  for (let index = 0; index < header.entries; index += 1) {
    const keyLength = take(4).readUInt32BE();
    const valueLength = take(4).readUInt32BE();
    // Copied, so that one entry does not keep the whole file in memory.
    entries.push([take(keyLength).toString('utf8'), Buffer.from(take(valueLength))]);
  }
  return {
    topic: header.topic,
    identity: header.identity,
    offsets: new Map(
      Object.entries(header.offsets).map(([partition, offset]) => [Number(partition), BigInt(offset)]),
    ),
    entries,
  };
}
