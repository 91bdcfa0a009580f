import type { RejectionsData } from '@tollgate/events';
import { serializeEvent } from '@tollgate/events';
import type { Clock } from '../clock.ts';
import type { IdSource } from '../events/ids.ts';
import type { Spool } from '../spool/spool.ts';

const MINUTE_MS = 60_000;

/** Address prefixes and codes told apart within a minute; beyond, they are one number. */
const MAX_PREFIXES = 256;

/** The largest such event: 256 counts of at most 100 bytes, and the envelope. */
const MAX_EVENT_BYTES = 32 * 1024;

/**
 * Callers turned away before anything of theirs could be accounted for: counted per address prefix, code and
 * minute, and told in one event a minute. However many they are, they take at most 32 KiB of the spool per minute,
 * and none at all while it is full: then they are told later, under the minute of the first.
 */
export class RejectionCounter {
  readonly #clock: Clock;
  readonly #spool: Spool;
  readonly #ids: IdSource;
  readonly #counts = new Map<string, { prefix: string; code: string; count: number }>();
  #minuteMs = 0;
  #other = 0;

  constructor(clock: Clock, spool: Spool, ids: IdSource) {
    this.#clock = clock;
    this.#spool = spool;
    this.#ids = ids;
  }

  count(prefix: string | null, code: string): void {
    if (this.#isEmpty()) this.#minuteMs = this.#minute();
    const key = `${prefix} ${code}`;
    const known = this.#counts.get(key);
    if (known !== undefined) known.count += 1;
    else if (this.#counts.size >= MAX_PREFIXES) this.#other += 1;
    else this.#counts.set(key, { prefix: prefix ?? 'unknown', code, count: 1 });
  }

  /** Appends the event of a minute that has passed; of the running one too where `all` says so (at the end). */
  tell(all: boolean): void {
    if (this.#isEmpty() || (!all && this.#minute() === this.#minuteMs)) return;
    if (!this.#spool.hasRoom(MAX_EVENT_BYTES)) return;
    const data: RejectionsData = {
      minute: new Date(this.#minuteMs).toISOString(),
      counts: [...this.#counts.values()].map(({ prefix, code, count }) => ({
        client_prefix: prefix,
        code,
        count,
      })),
      other: this.#other,
    };
    const event = serializeEvent(
      {
        type: 'tollgate.rejections.v1',
        id: this.#ids.next(),
        subject: this.#spool.source,
        time: new Date(this.#clock.now()).toISOString(),
        data,
      },
      this.#spool.source,
      Number(this.#spool.nextSequence()),
    );
    this.#spool.append('tollgate.rejections.v1', event.toString('utf8'));
    this.#counts.clear();
    this.#other = 0;
  }

  #isEmpty(): boolean {
    return this.#counts.size === 0 && this.#other === 0;
  }

  #minute(): number {
    const now = this.#clock.now();
    return now - (now % MINUTE_MS);
  }
}
