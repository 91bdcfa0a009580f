import { AuditError } from '../errors.ts';
import { entryOf, eventsOfFolder, type FoundEvent } from './archive-files.ts';
import type { LogFiles } from './files.ts';
import { type ExpectedTile, Recount } from './recount.ts';
import { openSigned, readLogKey, type SignedCheckpoint } from './signed-checkpoint.ts';

export type FsckProblemCode =
  | 'checkpoint-missing'
  | 'checkpoint-untrusted'
  | 'entries-missing'
  | 'entries-malformed'
  | 'tile-missing'
  | 'tile-differs'
  | 'root-differs'
  | 'rolled-back'
  | 'forked'
  | 'event-differs'
  | 'events-missing';

/** Something that an intact log would not show. */
export interface FsckProblem {
  readonly code: FsckProblemCode;
  readonly message: string;
}

export interface FsckReport {
  readonly origin: string | null;
  /** Of the checkpoint, in entries. */
  readonly size: number;
  /** Of the checkpoint, in base64. */
  readonly root: string | null;
  /** Entries whose hashes went into the root. */
  readonly entries: number;
  readonly tiles: number;
  /** Archived events held against their entries; null where no archive was given. */
  readonly events: number | null;
  readonly problems: readonly FsckProblem[];
}

export interface FsckRequest {
  readonly files: LogFiles;
  /** Verifier keys, `name+hash+base64`. */
  readonly keys: readonly string[];
  /** An earlier checkpoint that somebody kept; null: whether the log ever went back can't be told. */
  readonly earlier: Buffer | null;
  /** The folder of the archive; null: events are not looked at. */
  readonly archive: string | null;
  /** Told of the entries counted so far. */
  readonly onProgress?: (entries: number, size: number) => void;
}

/** A tile or bundle as it was found. */
interface Resource {
  readonly bytes: Buffer;
  /** Whether it is of just the width asked for. */
  readonly whole: boolean;
}

const ENTRIES_PER_BUNDLE = 256;
/** Bundles fetched ahead. */
const AHEAD = 8;
/** Further problems would say no more. */
const MAX_PROBLEMS = 100;

/**
 * Derives the log's root again from its entries, and holds everything against it: every tile, the signed checkpoint, an
 * earlier checkpoint, and the archived events. Shares no code with what writes the log.
 */
export async function fsck(request: FsckRequest): Promise<FsckReport> {
  const check = new Fsck(request);
  await check.run();
  return check.report();
}

class Fsck {
  readonly #request: FsckRequest;
  readonly #problems: FsckProblem[] = [];
  readonly #recount = new Recount();
  #checkpoint: SignedCheckpoint | null = null;
  #tiles = 0;
  #events = 0;

  constructor(request: FsckRequest) {
    this.#request = request;
  }

  report(): FsckReport {
    return {
      origin: this.#checkpoint?.origin ?? null,
      size: this.#checkpoint?.size ?? 0,
      root: this.#checkpoint?.root.toString('base64') ?? null,
      entries: this.#recount.size,
      tiles: this.#tiles,
      events: this.#request.archive === null ? null : this.#events,
      problems: this.#problems.slice(0, MAX_PROBLEMS),
    };
  }

  async run(): Promise<void> {
    const { files, earlier, archive, onProgress } = this.#request;
    const note = await files.read('checkpoint');
    if (note === null) {
      this.#found(
        'checkpoint-missing',
        'the log has no checkpoint: nothing was published, or it was removed',
      );
      return;
    }
    const checkpoint = this.#opened(note, 'the checkpoint');
    if (checkpoint === null) return;
    this.#checkpoint = checkpoint;
    const kept = earlier === null ? null : this.#opened(earlier, 'the earlier checkpoint');
    if (kept !== null && kept.size > checkpoint.size) {
      this.#found(
        'rolled-back',
        `it holds ${checkpoint.size} entries, and had ${kept.size} in the checkpoint kept`,
      );
    }
    if (kept?.size === 0 && !kept.root.equals(this.#recount.root())) this.#forked(0);
    const events = archive === null ? null : eventsOfFolder(archive)[Symbol.asyncIterator]();
    try {
      for await (const entries of this.#bundles(checkpoint.size)) {
        for (const entry of entries) {
          for (const tile of this.#recount.add(entry)) await this.#compare(tile);
          if (kept?.size === this.#recount.size && !kept.root.equals(this.#recount.root()))
            this.#forked(kept.size);
          if (events !== null) this.#held(await events.next(), entry);
        }
        onProgress?.(this.#recount.size, checkpoint.size);
      }
    } finally {
      await events?.return?.(undefined);
    }
    if (this.#recount.size !== checkpoint.size) return;
    for (const tile of this.#recount.unfilled()) await this.#compare(tile);
    if (!this.#recount.root().equals(checkpoint.root)) {
      this.#found(
        'root-differs',
        `the entries come to another root than the checkpoint of ${checkpoint.size} signs`,
      );
    }
    if (archive !== null && this.#events < checkpoint.size) {
      this.#found('events-missing', `the archive ends after ${this.#events} of ${checkpoint.size} events`);
    }
  }

  #opened(note: Buffer, what: string): SignedCheckpoint | null {
    try {
      return openSigned(note, this.#request.keys.map(readLogKey));
    } catch (error) {
      if (!(error instanceof AuditError)) throw error;
      this.#found('checkpoint-untrusted', `${what}: ${error.message}`);
      return null;
    }
  }

  /** The entries of the log, bundle by bundle, as far as they are there and can be read. */
  async *#bundles(size: number): AsyncGenerator<Buffer[]> {
    const count = Math.ceil(size / ENTRIES_PER_BUNDLE);
    const coming: Promise<Resource | null>[] = [];
    for (let index = 0; index < count; index += 1) {
      while (coming.length < AHEAD && index + coming.length < count) {
        const read = this.#read('tile/entries', index + coming.length, widthAt(index + coming.length, size));
        // Waited for below, or never where an earlier one ends the run.
        read.catch(() => {});
        coming.push(read);
      }
      const width = widthAt(index, size);
      const bundle = (await coming.shift()) ?? null;
      if (bundle === null) {
        this.#found('entries-missing', `the entries from ${index * ENTRIES_PER_BUNDLE} on are not there`);
        return;
      }
      const entries = entriesOf(bundle, width);
      if (entries === null) {
        this.#found(
          'entries-malformed',
          `the bundle of entries from ${index * ENTRIES_PER_BUNDLE} on is broken`,
        );
        return;
      }
      yield entries;
    }
  }

  async #compare({ level, index, bytes }: ExpectedTile): Promise<void> {
    const hashes = bytes.length / 32;
    const found = await this.#read(`tile/${level}`, index, hashes);
    this.#tiles += 1;
    if (found === null) this.#found('tile-missing', `tile ${index} of level ${level} is not there`);
    else if (!(found.whole ? found.bytes : found.bytes.subarray(0, bytes.length)).equals(bytes)) {
      this.#found('tile-differs', `tile ${index} of level ${level} holds other hashes than its entries give`);
    }
  }

  /** A tile or bundle of so many; a partial one may have given way to the full one, which then holds more. */
  async #read(folder: string, index: number, width: number): Promise<Resource | null> {
    const { files } = this.#request;
    const full = `${folder}/${pathOf(index)}`;
    const exact = await files.read(width === ENTRIES_PER_BUNDLE ? full : `${full}.p/${width}`);
    if (exact !== null) return { bytes: exact, whole: true };
    const wider = width === ENTRIES_PER_BUNDLE ? null : await files.read(full);
    return wider === null ? null : { bytes: wider, whole: false };
  }

  #held(next: IteratorResult<FoundEvent>, entry: Buffer): void {
    if (next.done === true || next.value.leafIndex !== this.#recount.size - 1) return;
    this.#events += 1;
    if (entryOf(next.value)?.equals(entry) !== true) {
      this.#found(
        'event-differs',
        `the archived event of leaf ${next.value.leafIndex} is not the one that was logged`,
      );
    }
  }

  #forked(size: number): void {
    this.#found(
      'forked',
      `the checkpoint kept of ${size} entries is no ancestor: the log was rewritten since`,
    );
  }

  #found(code: FsckProblemCode, message: string): void {
    this.#problems.push({ code, message });
  }
}

function widthAt(index: number, size: number): number {
  return Math.min(ENTRIES_PER_BUNDLE, size - index * ENTRIES_PER_BUNDLE);
}

/** Three digits an element, all but the last with an x before (C2SP tlog-tiles). */
function pathOf(index: number): string {
  const last = String(index % 1000).padStart(3, '0');
  return index < 1000 ? last : `${pathOf(Math.floor(index / 1000)).replace(/(\d{3})$/, 'x$1')}/${last}`;
}

/** Of a bundle the first entries; null where it holds fewer, or something else. */
function entriesOf({ bytes, whole }: Resource, count: number): Buffer[] | null {
  const entries: Buffer[] = [];
  let at = 0;
  while (entries.length < count) {
    if (at + 2 > bytes.length) return null;
    const end = at + 2 + bytes.readUInt16BE(at);
    if (end > bytes.length) return null;
    entries.push(bytes.subarray(at + 2, end));
    at = end;
  }
  return whole && at < bytes.length ? null : entries;
}
