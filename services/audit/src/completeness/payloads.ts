import type { PayloadFacts } from '../vault/stated/read-stated.ts';
import type { Reason } from './judge.ts';
import type { Statement } from './statement.ts';

/** What a statement says of a period's prompts and answers. */
export function payloadsView(facts: PayloadFacts): NonNullable<Statement['payloads']> {
  const { size, stated, notKept, stored, erased, awaited, missing, differing, examples } = facts;
  return {
    counted: size,
    stated,
    not_kept: notKept,
    stored,
    erased,
    awaited,
    missing,
    differing,
    examples: [...examples],
  };
}

const DETAILS = {
  'payload-missing':
    'stated by a usage event and never stored: the gateway sends it from its payload spool, if it still has it',
  'payload-differs': 'the vault holds something else than the usage event states',
  'payload-not-kept': 'the gateway says that it lost them before they could be stored',
  'payload-awaited': 'stated, and on their way to the vault',
  'payloads-not-counted': 'usage events that are not held against the vault yet: ask again',
} as const;

/** What is to be known of payloads. None of it makes the trail of events incomplete. */
export function payloadNotices({ missing, differing, notKept, awaited, unread }: PayloadFacts): Reason[] {
  const counts = {
    'payload-missing': missing,
    'payload-differs': differing,
    'payload-not-kept': notKept,
    'payload-awaited': awaited,
    'payloads-not-counted': unread,
  } as const satisfies Record<keyof typeof DETAILS, number>;
  const codes = [
    'payload-missing',
    'payload-differs',
    'payload-not-kept',
    'payload-awaited',
    'payloads-not-counted',
  ] as const;
  return codes.flatMap((code) =>
    counts[code] === 0 ? [] : [{ code, count: counts[code], detail: DETAILS[code] }],
  );
}
