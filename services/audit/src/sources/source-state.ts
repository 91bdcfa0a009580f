import { z } from 'zod';
import { type Missing, missingNow } from './missing.ts';
import { greatest, NONE, prefix, type Ranges, size, union, withNumbers } from './ranges.ts';

const count = z.int().min(0);

/** A verified word of a source: it has stored everything up to `through`, with this chain over the bytes. */
const checkpoint = z.object({ through: count, chain: z.string() });
export type Checkpoint = z.infer<typeof checkpoint>;

/** What is known of one source, as it is stored: all but the numbers themselves, which are in the index. */
export const storedSource = z.object({
  /** The greatest n such that 1..n are all in the log. */
  prefix: count,
  /** The greatest number in the log. */
  greatest: count,
  /** Events in the log. */
  events: count,
  /** The greatest number that the source has stored, by a verified word of its own or of its next epoch; else 0. */
  through: count,
  /** Events per type in 1..through, as the source counts them. */
  counts: z.record(z.string(), count),
  /** Numbers up to `through` that are not in the log. */
  absent: count,
  /** Where those are and since when they are missed: the first `MAX_STORED_MISSING` ranges. */
  missing: z.array(z.object({ from: count, to: count, sinceMs: z.number() })).readonly(),
  /** `stopped`: it ended in order. `superseded`: a later epoch named its last number. Null: it may go on. */
  ended: z.enum(['stopped', 'superseded']).nullable(),
  /** When it was last verifiably alive, by our clock; at first, when its first event came. Epoch milliseconds. */
  heardMs: z.number(),
  /** Base64, as its `source.started` says. */
  publicKey: z.string().nullable(),
  /** What its `source.started` says of earlier epochs; believed from its first verified heartbeat on. */
  claims: z.array(
    z.object({ source: z.string(), through: count, counts: z.record(z.string(), count), chain: z.string() }),
  ),
  /** h(`to`) over the bytes in the log (see packages/events), hex. */
  chain: z.object({ to: count, hash: z.string() }),
  /** Words whose chain has not been compared yet, ascending. */
  unchecked: z.array(checkpoint).readonly(),
  /** The chain agrees with the source's own up to here. */
  verified: count,
  /** The number at which it first did not. */
  mismatch: count.nullable(),
});
export type StoredSource = z.infer<typeof storedSource>;

/** What is known of one source, as the integrator has it in hand. Nobody else changes it. */
export interface SourceState
  extends Omit<StoredSource, 'prefix' | 'greatest' | 'events' | 'absent' | 'missing'> {
  /** The numbers that are in the log. */
  readonly received: Ranges;
  readonly missing: readonly Missing[];
}

/** Beyond it, a missing number's grace begins anew with each writer: the list is only that long far behind. */
export const MAX_STORED_MISSING = 1_000;

export function toStored({ received, missing, ...rest }: SourceState): StoredSource {
  return {
    ...rest,
    prefix: prefix(received),
    greatest: greatest(received),
    events: size(received),
    absent: size(missing.map(({ from, to }) => [from, to])),
    missing: missing.slice(0, MAX_STORED_MISSING),
  };
}

/** @param beyond the numbers in the log that are greater than the stored prefix */
export function fromStored(stored: StoredSource, beyond: Ranges): SourceState {
  const { prefix: upTo, greatest: _greatest, events: _events, absent: _absent, ...rest } = stored;
  return { ...rest, received: union(upTo === 0 ? NONE : [[1, upTo]], beyond) };
}

/** Chain of no events: 32 zero bytes. */
export const CHAIN_START = '0'.repeat(64);

/** Words kept for comparison while events are missing; the older of the unneeded ones go first. */
const MAX_UNCHECKED = 64;

export function newSource(nowMs: number): SourceState {
  return {
    received: NONE,
    through: 0,
    counts: {},
    missing: [],
    ended: null,
    heardMs: nowMs,
    publicKey: null,
    claims: [],
    chain: { to: 0, hash: CHAIN_START },
    unchecked: [],
    verified: 0,
    mismatch: null,
  };
}

/** Events with these numbers have entered the log. */
export function received(state: SourceState, numbers: readonly number[], nowMs: number): SourceState {
  return withMissing({ ...state, received: withNumbers(state.received, numbers) }, nowMs);
}

/** A verified heartbeat, or what a verified later epoch says of this one. */
export function reported(
  state: SourceState,
  word: {
    readonly through: number;
    readonly counts: Readonly<Record<string, number>>;
    readonly chain: string;
  },
  nowMs: number,
): SourceState {
  const news = word.through > state.through;
  return withMissing(
    {
      ...state,
      heardMs: Math.max(state.heardMs, nowMs),
      ...(news ? { through: word.through, counts: { ...word.counts } } : {}),
      unchecked: withCheckpoint(state, { through: word.through, chain: word.chain }),
    },
    nowMs,
  );
}

/** Its verified `source.stopped`, which is its last event, has entered the log under this number. */
export function stopped(state: SourceState, lastSequence: number, nowMs: number): SourceState {
  const through = Math.max(state.through, lastSequence);
  return withMissing({ ...state, through, ended: 'stopped' }, nowMs);
}

/** A verified later epoch has named its last number. */
export function superseded(state: SourceState): SourceState {
  return { ...state, ended: state.ended ?? 'superseded' };
}

export type Standing = 'open' | 'stopped' | 'lost';

/**
 * `open`: heard of lately. `stopped`: its last number is known. `lost`: neither, so what came after the last known
 * number is unknown.
 */
export function standing(
  state: Pick<StoredSource, 'ended' | 'heardMs'>,
  nowMs: number,
  lostAfterMs: number,
): Standing {
  if (state.ended !== null) return 'stopped';
  return nowMs - state.heardMs > lostAfterMs ? 'lost' : 'open';
}

/** What can be said of a source's end, in words that claim nothing unproven. */
export function tailStatement(state: StoredSource, nowMs: number, lostAfterMs: number): string {
  const known = Math.max(state.through, state.greatest);
  switch (standing(state, nowMs, lostAfterMs)) {
    case 'lost':
      return `tail unknown after ${known}`;
    case 'open':
      return `open at ${known}`;
    case 'stopped':
      return state.prefix >= known ? `complete at ${known}` : `ended at ${known}, with numbers missing`;
  }
}

function withMissing(state: SourceState, nowMs: number): SourceState {
  // What is beyond `through` is no gap yet: the source has not said that it stored it.
  const missing: readonly Missing[] = missingNow(state.missing, state.received, state.through, nowMs);
  return { ...state, missing };
}

function withCheckpoint(state: SourceState, word: Checkpoint): readonly Checkpoint[] {
  if (word.through <= state.verified || state.mismatch !== null) return state.unchecked;
  if (state.unchecked.some(({ through }) => through === word.through)) return state.unchecked;
  const all = [...state.unchecked, word].sort((a, b) => a.through - b.through);
  // The newest covers all that the others cover, only later.
  return all.length <= MAX_UNCHECKED ? all : all.slice(all.length - MAX_UNCHECKED);
}
