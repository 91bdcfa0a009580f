import { TransparencyLogError } from '../errors.ts';
import { SIGNATURE_TYPE } from '../note/key.ts';
import type { Note } from '../note/note.ts';
import { openNote } from '../note/open-note.ts';
import type { NoteVerifier } from '../note/signer.ts';
import type { TextInput } from '../text/utf8.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { cosignatureTimestamp } from './cosignature.ts';

/** Whom a verifier believes. */
export interface CheckpointPolicy {
  /** The origin line that the checkpoint must have. */
  readonly origin: string;
  /** The log's keys, of which one must have signed; several while keys rotate. */
  readonly logKeys: readonly NoteVerifier[];
  /** The witnesses whose cosignatures count. */
  readonly witnesses?: readonly NoteVerifier[];
  /** How many of them, by name, must have cosigned; 0 unless said. */
  readonly quorum?: number;
}

/** A witness's verified statement that the log only grew, as it saw it. */
export interface Cosignature {
  readonly name: string;
  readonly keyId: number;
  /** POSIX time in seconds. Whether it lies in the future, or too far back, is the caller's to judge. */
  readonly timestamp: bigint;
}

/** A checkpoint that the policy accepts. */
export interface OpenedCheckpoint {
  readonly checkpoint: Checkpoint;
  /** The log's keys that signed it. */
  readonly signedBy: readonly { readonly name: string; readonly keyId: number }[];
  readonly cosignatures: readonly Cosignature[];
  readonly note: Note;
}

/**
 * A published checkpoint, read and judged: a key of the log signed it, its origin is the expected one, and as many
 * witnesses as asked for cosigned it. Says nothing of earlier checkpoints: compare by `verifyConsistency` with one that
 * was kept. Throws what `openNote` and `parseCheckpoint` throw, `origin-mismatch`, `too-few-cosignatures`.
 */
export function openCheckpoint(input: TextInput, policy: CheckpointPolicy): OpenedCheckpoint {
  const witnesses = policy.witnesses ?? [];
  requireTypes(policy.logKeys, witnesses);
  const { verified, ...note } = openNote(input, [...policy.logKeys, ...witnesses]);
  const checkpoint = parseCheckpoint(note.text);
  if (checkpoint.origin !== policy.origin) {
    throw new TransparencyLogError(
      'origin-mismatch',
      `this checkpoint is of '${checkpoint.origin}', not of '${policy.origin}'`,
    );
  }
  const signedBy = verified.filter(({ verifier }) => verifier.type === SIGNATURE_TYPE.ed25519);
  if (signedBy.length === 0) {
    throw new TransparencyLogError(
      'no-known-signature',
      'witnesses cosigned this checkpoint, but no known key of the log signed it',
    );
  }
  const cosignatures = verified
    .filter(({ verifier }) => verifier.type === SIGNATURE_TYPE.cosignatureV1)
    .map(({ name, keyId, signature }) => ({ name, keyId, timestamp: cosignatureTimestamp(signature) }));
  const names = new Set(cosignatures.map(({ name }) => name));
  const quorum = policy.quorum ?? 0;
  if (names.size < quorum) {
    throw new TransparencyLogError(
      'too-few-cosignatures',
      `${names.size} of the known witnesses cosigned this checkpoint and ${quorum} are asked for`,
    );
  }
  return { checkpoint, signedBy: signedBy.map(({ name, keyId }) => ({ name, keyId })), cosignatures, note };
}

/** A key's type says which of the two roles it has, so that a witness never passes for the log. */
function requireTypes(logKeys: readonly NoteVerifier[], witnesses: readonly NoteVerifier[]): void {
  const wrong =
    logKeys.find(({ type }) => type !== SIGNATURE_TYPE.ed25519) ??
    witnesses.find(({ type }) => type !== SIGNATURE_TYPE.cosignatureV1);
  if (wrong !== undefined) {
    throw new TransparencyLogError(
      'unknown-key-type',
      `the key of '${wrong.name}' is in the wrong list: keys of a log are read by readVerifier, witnesses by readWitness`,
    );
  }
}
