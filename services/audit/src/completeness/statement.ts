import { openNote, readVerifier, TransparencyLogError } from '@tollgate/transparency-log';
import { z } from 'zod';
import { AuditError } from '../errors.ts';
import { lossView } from '../sources/loss-routes.ts';

/** First line of a statement's text: no checkpoint and no other text that the log's key signs begins so. */
export const STATEMENT_HEADER = 'tollgate.completeness/v1';

const count = z.int().min(0);
const counts = z.record(z.string(), count);

const reason = z.object({
  code: z.string(),
  source: z.string().optional(),
  from: count.optional(),
  to: count.optional(),
  count: count.optional(),
  detail: z.string(),
});

/** What the log holds of a period, and what of it can't be vouched for. Instants are RFC 3339. */
export const statement = z
  .object({
    log: z.string(),
    period: z.object({ from: z.string(), to: z.string() }),
    /** Counts and requests are of this organisation alone; null: of all. */
    organisation_id: z.string().nullable(),
    made_at: z.string(),
    /** What everything below was counted over. */
    checkpoint: z.object({ size: count, root: z.base64() }),
    verdict: z.enum(['complete', 'incomplete', 'tail-unknown']),
    /** Why it is not complete; empty where it is. */
    reasons: z.array(reason),
    /** What is no reason by itself, but to be known. */
    notices: z.array(reason),
    counts,
    sources: z.array(
      z.object({
        source: z.string(),
        epoch: z.string(),
        state: z.enum(['open', 'stopped', 'lost']),
        /** The greatest number that the source says it has stored. */
        through: count,
        /** Up to here its own chain agrees with the log. */
        verified_through: count,
        heard_at: z.string(),
        /** The least and the greatest number among its events of the period; null where it has none. */
        range: z.object({ from: count, to: count }).nullable(),
        counts,
        clock_suspect: z.object({ late: count, ahead: count }),
      }),
    ),
    requests: z.array(z.object({ code: z.string(), count, examples: z.array(z.string()) })),
    /** Every source that was ever acknowledged to be lost for good, whatever the period, the latest first. */
    acknowledged_losses: z.array(lossView).optional(),
    /**
     * Prompts and answers of the period: what usage events state of them, and what the vault has at `made_at`. No part of
     * the verdict, which is about events; what is missing is in the notices. Absent from statements of earlier versions.
     */
    payloads: z
      .object({
        /** Leaves whose usage events were counted; up to the checkpoint, unless a notice says otherwise. */
        counted: count,
        /** Digests that usage events state. */
        stated: count,
        /** Said by the gateway to be lost before they could be stored. */
        not_kept: count,
        stored: count,
        /** Erased on somebody's word or when their time was over, those included that an erasure kept from being stored. */
        erased: count,
        /** Stated and not in the vault: on their way. */
        awaited: count,
        /** Stated and not in the vault, for longer than they may take. */
        missing: count,
        /** The vault holds something else than was stated. */
        differing: count,
        /** Requests whose payloads are missing or differ. */
        examples: z.array(z.string()),
      })
      .optional(),
    /** The request that the statement was asked for, with its events by kind; absent for a period. */
    request: z.object({ request_id: z.string(), counts }).optional(),
  })
  .meta({ id: 'CompletenessStatement' });
export type Statement = z.infer<typeof statement>;

/** The text that is signed. */
export function formatStatement(made: Statement): string {
  return `${STATEMENT_HEADER}\n${JSON.stringify(made)}\n`;
}

/**
 * A signed statement, read and judged: no network, nothing but the log's verifier keys.
 * @throws AuditError `not_proven`
 */
export function openStatement(note: string, keys: readonly string[]): Statement {
  try {
    const { text } = openNote(note, keys.map(readVerifier));
    const [header, json = '', ...rest] = text.split('\n');
    if (header !== STATEMENT_HEADER || rest.join() !== '') {
      throw new AuditError('not_proven', 'the note is no statement of completeness');
    }
    return statement.parse(JSON.parse(json));
  } catch (error) {
    if (error instanceof TransparencyLogError)
      throw new AuditError('not_proven', error.message, { cause: error });
    if (error instanceof SyntaxError || error instanceof z.ZodError) {
      throw new AuditError('not_proven', 'the statement is not what this version reads', { cause: error });
    }
    throw error;
  }
}
