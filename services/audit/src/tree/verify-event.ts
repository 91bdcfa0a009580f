import {
  leafHash,
  parseTlogProof,
  readVerifier,
  readWitness,
  TransparencyLogError,
  verifyTlogProof,
} from '@tollgate/transparency-log';
import { z } from 'zod';
import { AuditError } from '../errors.ts';
import { encodeLeaf, sha256 } from '../log/leaf.ts';

/** What of an event its leaf holds beside the digest. */
const envelope = z.object({
  id: z.string(),
  source: z.string(),
  sequence: z
    .string()
    .regex(/^\d{1,19}$/)
    .transform(Number),
  type: z.string(),
});

/** Whose cosignatures a proof needs besides the log's signature. */
export interface Demanded {
  readonly witnesses: readonly string[];
  readonly quorum: number;
}

const NOTHING_DEMANDED: Demanded = { witnesses: [], quorum: 0 };

/** What a proof has shown. */
export interface ProvenEvent {
  readonly id: string;
  readonly leafIndex: bigint;
  /** Of the log, at the checkpoint of the proof. */
  readonly size: bigint;
  readonly origin: string;
}

/**
 * Judges whether an event, byte for byte, is in the log: no network, no clock, nothing but the verifier keys.
 * @param keys of one log, `name+hash+base64`; one of them must have signed
 * @param demanded witnesses' verifier keys, and how many of them must have cosigned
 * @throws AuditError `not_proven`, whose message says what does not fit
 */
export function verifyEvent(
  event: Buffer,
  proof: string,
  keys: readonly string[],
  demanded: Demanded = NOTHING_DEMANDED,
): ProvenEvent {
  try {
    const logKeys = keys.map(readVerifier);
    const origin = logKeys[0]?.name ?? '';
    const { extra } = parseTlogProof(proof);
    if (extra === undefined) throw notProven("the proof lacks the event's salt");
    const { id, hash } = leafOfEvent(event, extra);
    const { index, checkpoint } = verifyTlogProof(proof, hash, {
      origin,
      logKeys,
      witnesses: demanded.witnesses.map(readWitness),
      quorum: demanded.quorum,
    });
    return { id, leafIndex: index, size: checkpoint.size, origin };
  } catch (error) {
    if (error instanceof TransparencyLogError || isUnencodable(error)) throw notProven(error.message, error);
    if (error instanceof SyntaxError || error instanceof z.ZodError)
      throw notProven('the file is not an event', error);
    throw error;
  }
}

/**
 * The id of an event, and the hash of the leaf that it has with this salt.
 * @throws SyntaxError, ZodError where it is no event; AuditError `leaf_unencodable`
 */
export function leafOfEvent(
  event: Buffer,
  salt: Uint8Array,
): { readonly id: string; readonly hash: Uint8Array } {
  const { id, source, sequence, type } = envelope.parse(JSON.parse(event.toString('utf8')));
  // As UTF-8 can hold them, which is how the log has them.
  const leaf = encodeLeaf({
    sourceDigest: sha256(source.toWellFormed()),
    sequence,
    type: type.toWellFormed(),
    eventDigest: sha256(Buffer.concat([salt, event])),
  });
  return { id, hash: leafHash(leaf) };
}

function isUnencodable(error: unknown): error is AuditError {
  return error instanceof AuditError && error.code === 'leaf_unencodable';
}

function notProven(what: string, cause?: Error): AuditError {
  return new AuditError('not_proven', what, cause === undefined ? {} : { cause });
}
