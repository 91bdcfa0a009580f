import { z } from 'zod';

const count = z.int().min(0);

/** What a start says of an earlier epoch. */
export const claims = z.array(z.object({ source: z.string(), through: count, usage: count })).readonly();

/** A source's word: it has stored everything up to `through`, so many usage events among it. */
export type Word = { readonly through: number; readonly usage: number; readonly atMs: number };

/** How far one gateway epoch's usage is known to be complete. */
export type UsageSource = {
  readonly sourceId: number;
  readonly name: string;
  /** Every usage event up to there has been counted. */
  readonly completeThrough: number;
  readonly completeCount: number;
  /** When the source said that this was all up to there; null while it never was. */
  readonly completeAtMs: number | null;
  /** The latest verified word that is not complete here yet. */
  readonly stated: Word | null;
  readonly endedThrough: number | null;
  readonly successor: string | null;
  readonly claims: z.infer<typeof claims>;
};

/** A verified word of the source, or of a later epoch about it. */
export function heard(source: UsageSource, word: Word): UsageSource {
  if (word.through < source.completeThrough) return source;
  const { stated } = source;
  const isNews =
    stated === null ||
    word.through > stated.through ||
    (word.through === stated.through && word.atMs > stated.atMs);
  return isNews ? { ...source, stated: word } : source;
}

/** So many usage events after `completeThrough` and up to the stated number have been counted. */
export function counted(source: UsageSource, since: number): UsageSource {
  const { stated } = source;
  if (stated === null || source.completeCount + since !== stated.usage) return source;
  return {
    ...source,
    completeThrough: stated.through,
    completeCount: stated.usage,
    completeAtMs: Math.max(source.completeAtMs ?? stated.atMs, stated.atMs),
    stated: null,
  };
}

/** It ended, having stored everything up to `through`; `successor` is the later epoch that said so, if one did. */
export function ended(source: UsageSource, through: number, successor: string | null): UsageSource {
  return {
    ...source,
    endedThrough: Math.max(source.endedThrough ?? 0, through),
    successor: successor ?? source.successor,
  };
}
