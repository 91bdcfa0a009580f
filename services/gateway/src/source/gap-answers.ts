import { readFile } from 'node:fs/promises';
import type { OutgoingMessage } from '@tollgate/bus';
import { topicOf } from '@tollgate/events';
import type { Logger } from '@tollgate/telemetry';
import { subjectOf } from '../spool/event-bytes.ts';
import { EVENT_KINDS, FrameReader, typeOf } from '../spool/frame.ts';
import type { Segment } from '../spool/segment.ts';
import { SEGMENT_HEADER_BYTES } from '../spool/segment-header.ts';
import type { Position } from '../spool/spool.ts';
import type { Gap, GapRegister } from './services.ts';

export type UnanswerableReason = 'spool-expired' | 'spool-corrupt';

export interface GapAnswersOptions {
  readonly instance: string;
  readonly audit: GapRegister;
  /** Of the epochs of this instance, oldest first. */
  readonly segments: () => readonly Segment[];
  /** What is not acknowledged yet is on its way already. */
  readonly acknowledged: () => Position;
  /** The last number of a source, where this spool knows it. */
  readonly through: (source: string) => number | undefined;
  /** Whether it still grows: numbers beyond its end may yet come. */
  readonly isOpen: (source: string) => boolean;
  readonly send: (messages: readonly OutgoingMessage[]) => Promise<void>;
  /** Says that numbers can't be sent again; called once per gap. */
  readonly unanswerable: (gap: Gap, reason: UnanswerableReason) => void;
  /** Gaps that were said to be unanswerable before. */
  readonly alreadySaid: Iterable<Gap>;
  readonly logger: Logger;
}

/** Gaps and events that one round answers; the rest follows with the next round. */
const MAX_GAPS = 64;
const MAX_EVENTS = 5000;

/** Asks the audit service what it misses of this instance, and sends exactly those bytes again. */
export class GapAnswers {
  readonly #options: GapAnswersOptions;
  readonly #said: Set<string>;
  #resent = 0;
  #lastRead: { readonly path: string; readonly bytes: Buffer } | null = null;

  constructor(options: GapAnswersOptions) {
    this.#options = options;
    this.#said = new Set([...options.alreadySaid].map(keyOf));
  }

  /** Events sent again so far. */
  get resent(): number {
    return this.#resent;
  }

  /** One round. @throws where the audit service or the broker can't be reached: try again later */
  async round(): Promise<void> {
    const { audit, instance } = this.#options;
    const gaps = await audit.gapsOf(instance);
    const ours = gaps.filter((gap) => gap.source.startsWith(`/gateways/${instance}/`) && gap.from <= gap.to);
    // In the order of the files, so that one that holds many gaps is read once.
    ours.sort((a, b) => (a.source < b.source ? -1 : a.source > b.source ? 1 : a.from - b.from));
    let budget = MAX_EVENTS;
    try {
      for (const gap of ours.slice(0, MAX_GAPS)) {
        if (budget <= 0) return;
        budget -= await this.#answer(gap, budget);
      }
    } finally {
      this.#lastRead = null;
    }
  }

  /** A file as it was when this round came to it; what was appended since is answered by a later round. */
  async #bytesOf(segment: Segment): Promise<Buffer> {
    if (this.#lastRead?.path !== segment.path) {
      this.#lastRead = { path: segment.path, bytes: await readFile(segment.path) };
    }
    return this.#lastRead.bytes;
  }

  async #answer(gap: Gap, budget: number): Promise<number> {
    const segments = this.#options.segments().filter((segment) => segment.source === gap.source);
    const oldest = segments[0];
    const firstKept = oldest === undefined ? Number.POSITIVE_INFINITY : oldest.before.sequence + 1;
    if (gap.from < firstKept) {
      this.#say({ ...gap, to: Math.min(gap.to, firstKept - 1) }, 'spool-expired');
    }
    const through = this.#options.through(gap.source) ?? 0;
    let expected = Math.max(gap.from, firstKept);
    const to = Math.min(gap.to, through, expected + budget - 1);
    let sent = 0;
    for (const [at, segment] of segments.entries()) {
      const next = segments[at + 1];
      const last = next === undefined ? through : next.before.sequence;
      if (last < expected || expected > to) continue;
      if (segment.before.sequence >= to) break;
      const found = await this.#read(segment, expected, Math.min(to, last));
      if (found.messages.length > 0) await this.#options.send(found.messages);
      sent += found.messages.length;
      const missingFrom = expected + found.read;
      const missingTo = Math.min(to, last);
      if (missingFrom <= missingTo && !found.pending) {
        this.#say({ source: gap.source, from: missingFrom, to: missingTo }, 'spool-corrupt');
      }
      expected = missingTo + 1;
    }
    if (!this.#options.isOpen(gap.source) && oldest !== undefined && gap.to > through) {
      this.#say({ ...gap, from: Math.max(gap.from, through + 1) }, 'spool-corrupt');
    }
    if (sent > 0) {
      this.#resent += sent;
      this.#options.logger.info({ ...gap, sent }, 'events that the audit service misses were sent again');
    }
    return sent;
  }

  /** The events numbered `from` to `to`; `pending` where the rest is not acknowledged yet. */
  async #read(
    segment: Segment,
    from: number,
    to: number,
  ): Promise<{ messages: OutgoingMessage[]; read: number; pending: boolean }> {
    const acknowledged = this.#options.acknowledged();
    const end = Math.min(segment.end ?? acknowledged, acknowledged) - segment.base;
    const bytes = await this.#bytesOf(segment);
    const reader = new FrameReader(bytes, segment.salt, SEGMENT_HEADER_BYTES);
    const messages: OutgoingMessage[] = [];
    let read = 0;
    while (reader.next() === 'more') {
      if (reader.offset > end) return { messages, read, pending: true };
      const type = reader.kind < EVENT_KINDS ? typeOf(reader.kind) : undefined;
      if (type === undefined || reader.sequence < from) continue;
      if (reader.sequence > to) break;
      const value = reader.payload();
      messages.push({ topic: topicOf(type), key: subjectOf(value) ?? segment.source, value });
      read += 1;
    }
    return { messages, read, pending: end < (segment.end ?? Number.POSITIVE_INFINITY) - segment.base };
  }

  #say(gap: Gap, reason: UnanswerableReason): void {
    const key = keyOf(gap);
    if (this.#said.has(key)) return;
    this.#options.unanswerable({ source: gap.source, from: gap.from, to: gap.to }, reason);
    this.#said.add(key);
  }
}

function keyOf(gap: Gap): string {
  return `${gap.source} ${gap.from} ${gap.to}`;
}
