import { type Attribution, parseEvent } from '@tollgate/events';
import { LimitError } from './errors.ts';
import { type Limit, limitOf } from './limit.ts';
import { LimitIndex } from './limit-index.ts';

/** A limit's latest version; null where it was deleted, or can't be enforced by this release. */
type Kept = { readonly version: number; readonly limit: Limit | null };

/**
 * The limits in force, from the messages of the topic `limits` in any order: of each limit the greatest version is
 * kept. Give `apply` to `bus.follow`.
 */
export class FollowedLimits {
  readonly #kept = new Map<string, Kept>();
  readonly #unusable = new Map<string, string>();
  #index: LimitIndex<Limit> | null = null;
  #tooNew: string | null = null;
  #changes = 0;

  /** Takes one message. Never throws: what it can't use shows in `trouble`. */
  apply(message: { readonly key: string; readonly value: Buffer }): void {
    const parsed = parseEvent(message.value);
    if (parsed.kind === 'unknown-version') this.#tooNew = parsed.type;
    if (parsed.kind !== 'event' || parsed.event.type !== 'tollgate.limit.v1') return;
    const { data } = parsed.event;
    const before = this.#kept.get(data.limit_id);
    if (before !== undefined && before.version >= data.version) return;
    this.#unusable.delete(data.limit_id);
    let limit: Limit | null = null;
    try {
      limit = data.deleted ? null : limitOf(data);
    } catch (error) {
      if (!(error instanceof LimitError)) throw error;
      this.#unusable.set(data.limit_id, error.message);
    }
    this.#kept.set(data.limit_id, { version: data.version, limit });
    this.#index = null;
    this.#changes += 1;
  }

  /** The limits that apply to a request. */
  of(attribution: Attribution): Limit[] {
    this.#index ??= new LimitIndex(this.all());
    return this.#index.of(attribution);
  }

  /** A limit in force. */
  get(limitId: string): Limit | undefined {
    return this.#kept.get(limitId)?.limit ?? undefined;
  }

  /** Every limit in force. */
  all(): Limit[] {
    return [...this.#kept.values()].flatMap(({ limit }) => (limit === null ? [] : [limit]));
  }

  /** Grows with every change: whoever remembers what applies forgets it then. */
  changes(): number {
    return this.#changes;
  }

  /** Why not every limit is enforced; null where all are. */
  trouble(): string | null {
    if (this.#tooNew !== null) return `a limit has the type ${this.#tooNew}: upgrade this program`;
    const [first] = this.#unusable;
    return first === undefined ? null : `limit ${first[0]} is not enforced: ${first[1]}`;
  }
}
