import { constants, type FileHandle, mkdir, open } from 'node:fs/promises';
import path from 'node:path';
import { isMissing } from '../../files/error-code.ts';
import { syncFolder } from '../../files/sync-folder.ts';

/** Slots of one file; a file of payloads' keys is 4 MiB. */
const FILE_SLOTS = 65_536;
const FILE_DIGITS = 6;

/** A slot, and what is to be in it. */
export interface SlotContent {
  readonly slot: number;
  /** At most as long as a slot. */
  readonly bytes: Uint8Array;
}

/**
 * Wrapped keys in slots of a fixed size, in files. A slot is overwritten where it lies, and synced: so a key that is
 * wiped is nowhere else in the file system, unless the file system itself keeps what is overwritten.
 */
export class KeySlots {
  readonly slotBytes: number;
  readonly #folder: string;

  private constructor(folder: string, slotBytes: number) {
    this.#folder = folder;
    this.slotBytes = slotBytes;
  }

  /** @param slotBytes a power of two up to 512, so that no slot spans two sectors of a disk */
  static async open(folder: string, slotBytes: number): Promise<KeySlots> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return new KeySlots(folder, slotBytes);
  }

  /** Durable when it resolves. */
  async write(contents: readonly SlotContent[]): Promise<void> {
    await this.#eachFile(contents, async (handle, { slot, bytes }) => {
      if (bytes.length > this.slotBytes) throw new RangeError(`a slot holds ${this.slotBytes} bytes`);
      const padded = Buffer.alloc(this.slotBytes);
      padded.set(bytes);
      await handle.write(padded, 0, this.slotBytes, this.#offset(slot));
    });
  }

  /** Overwrites slots with zeros. Durable when it resolves. */
  async wipe(slots: readonly number[]): Promise<void> {
    await this.write(slots.map((slot) => ({ slot, bytes: new Uint8Array(0) })));
  }

  /** Each slot's bytes, in the order asked for; null where one was never written, or was wiped. */
  async read(slots: readonly number[]): Promise<(Buffer | null)[]> {
    const found = new Map<number, Buffer | null>();
    for (const [file, group] of Map.groupBy(slots, fileOf)) {
      const handle = await openIfThere(this.#path(file));
      for (const slot of group) found.set(slot, handle === null ? null : await this.#readOne(handle, slot));
      await handle?.close();
    }
    return slots.map((slot) => found.get(slot) ?? null);
  }

  async #readOne(handle: FileHandle, slot: number): Promise<Buffer | null> {
    const bytes = Buffer.alloc(this.slotBytes);
    const { bytesRead } = await handle.read(bytes, 0, this.slotBytes, this.#offset(slot));
    return bytesRead < this.slotBytes || bytes.every((byte) => byte === 0) ? null : bytes;
  }

  async #eachFile(
    contents: readonly SlotContent[],
    use: (handle: FileHandle, content: SlotContent) => Promise<void>,
  ): Promise<void> {
    for (const [file, group] of Map.groupBy(contents, ({ slot }) => fileOf(slot))) {
      const { handle, isNew } = await openOrMake(this.#path(file));
      try {
        for (const content of group) await use(handle, content);
        await handle.datasync();
      } finally {
        await handle.close();
      }
      if (isNew) await syncFolder(this.#folder);
    }
  }

  #path(file: number): string {
    return path.join(this.#folder, `${String(file).padStart(FILE_DIGITS, '0')}.keys`);
  }

  #offset(slot: number): number {
    return (slot % FILE_SLOTS) * this.slotBytes;
  }
}

function fileOf(slot: number): number {
  return Math.floor(slot / FILE_SLOTS);
}

async function openIfThere(file: string): Promise<FileHandle | null> {
  try {
    return await open(file, 'r');
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

/** Never cuts off what another writer has just put there. */
async function openOrMake(file: string): Promise<{ handle: FileHandle; isNew: boolean }> {
  const handle = await open(file, constants.O_RDWR | constants.O_CREAT, 0o600);
  return { handle, isNew: (await handle.stat()).size === 0 };
}
