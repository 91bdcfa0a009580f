import type { Logger } from '@tollgate/telemetry';
import {
  addCosignatures,
  formatAddCheckpoint,
  type NoteVerifier,
  parseConflictSize,
  proveConsistency,
  readWitness,
  TransparencyLogError,
} from '@tollgate/transparency-log';
import { AuditError } from '../errors.ts';
import type { LogSigners } from './log-signers.ts';
import type { Publication } from './publication.ts';
import type { TileStore } from './tile-store.ts';

/** Somebody outside who states that the log only grew. */
export interface Witness {
  readonly verifier: NoteVerifier;
  /** Its submission prefix; `/add-checkpoint` follows (C2SP tlog-witness). */
  readonly url: string;
}

export type WitnessOutcome = 'cosigned' | 'failed' | 'refused';

export interface WitnessesOptions {
  readonly witnesses: readonly Witness[];
  readonly tiles: TileStore;
  /** A checkpoint waits no longer for cosignatures, in milliseconds. */
  readonly timeoutMs: number;
  readonly logger: Logger;
  readonly onOutcome?: (witness: string, outcome: WitnessOutcome) => void;
  /** Monotonic milliseconds. */
  readonly now?: () => number;
}

const MAX_WITNESSES = 16;
/** After a failure a witness is left alone for so long, so that one that is away does not hold up every checkpoint. */
const PAUSE_MS = 15_000;
const MAX_ANSWER_BYTES = 65_536;
const CONFLICT = 409;

/**
 * Witnesses from lines of `<verifier key> <https URL>`.
 * @throws AuditError `witness`
 */
export function readWitnesses(text: string): Witness[] {
  const lines = text.split('\n').map((line) => line.trim());
  const witnesses = lines.filter((line) => line !== '' && !line.startsWith('#')).map(readLine);
  if (witnesses.length > MAX_WITNESSES) throw witnessError(`at most ${MAX_WITNESSES} witnesses are asked`);
  return witnesses;
}

function readLine(line: string): Witness {
  const [key = '', url = '', ...rest] = line.split(/\s+/);
  if (rest.length > 0 || !/^https?:\/\/\S+$/.test(url) || !URL.canParse(url)) {
    throw witnessError('a line reads: verifier key, a space, URL');
  }
  try {
    return { verifier: readWitness(key), url: url.replace(/\/+$/, '') };
  } catch (error) {
    if (error instanceof TransparencyLogError) throw witnessError(error.message);
    throw error;
  }
}

/** What a witness was last known to have cosigned. */
interface Standing {
  size: bigint;
  pausedUntilMs: number;
}

/**
 * Asks witnesses to cosign checkpoints before they are published (C2SP tlog-witness). A checkpoint is published with
 * whatever cosignatures came in time: one who wants more asks for a quorum when verifying.
 */
export class Witnesses {
  readonly #options: WitnessesOptions;
  readonly #standings = new Map<Witness, Standing>();

  constructor(options: WitnessesOptions) {
    this.#options = options;
  }

  /** The checkpoint with the cosignatures that came in time. Never rejects for what a witness does. */
  async cosigned(publication: Publication): Promise<Publication> {
    const { witnesses, timeoutMs, now = () => performance.now() } = this.#options;
    const signal = AbortSignal.timeout(timeoutMs);
    const answers = await Promise.all(
      witnesses.map(async (witness) => {
        const standing = this.#standingOf(witness);
        if (standing.pausedUntilMs > now()) return null;
        try {
          const lines = await this.#ask(witness, standing, publication, signal);
          const checked = addCosignatures(publication.checkpoint, lines, [witness.verifier]);
          standing.size = BigInt(publication.size);
          this.#options.onOutcome?.(witness.verifier.name, 'cosigned');
          return { witness, lines, checked };
        } catch (error) {
          standing.pausedUntilMs = now() + PAUSE_MS;
          this.#failed(witness, error);
          return null;
        }
      }),
    );
    const checkpoint = answers.reduce(
      (note, answer) =>
        answer === null ? note : addCosignatures(note, answer.lines, [answer.witness.verifier]),
      publication.checkpoint,
    );
    return { ...publication, checkpoint };
  }

  #standingOf(witness: Witness): Standing {
    const known = this.#standings.get(witness) ?? { size: 0n, pausedUntilMs: 0 };
    this.#standings.set(witness, known);
    return known;
  }

  /** The lines that the witness answers; where it stands elsewhere than thought, it says so, and is asked again. */
  async #ask(
    witness: Witness,
    standing: Standing,
    publication: Publication,
    signal: AbortSignal,
  ): Promise<Buffer> {
    let answer = await this.#post(witness, standing.size, publication, signal);
    if (answer.status === CONFLICT) {
      standing.size = parseConflictSize(answer.body);
      if (standing.size > BigInt(publication.size)) {
        throw new AuditError(
          'log_rolled_back',
          `the witness ${witness.verifier.name} has cosigned ${standing.size} entries, and the log holds ${publication.size}`,
        );
      }
      answer = await this.#post(witness, standing.size, publication, signal);
    }
    if (answer.status !== 200) throw witnessError(`${witness.verifier.name} answered ${answer.status}`);
    return answer.body;
  }

  async #post(
    { url }: Witness,
    oldSize: bigint,
    { size, checkpoint }: Publication,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly body: Buffer }> {
    const newSize = BigInt(size);
    const proof =
      oldSize === 0n || oldSize === newSize
        ? []
        : await proveConsistency(this.#options.tiles, oldSize, newSize);
    const response = await fetch(`${url}/add-checkpoint`, {
      method: 'POST',
      body: formatAddCheckpoint({ oldSize, proof, checkpoint }),
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      redirect: 'error',
      signal,
    });
    const body = Buffer.from(await response.arrayBuffer());
    if (body.length > MAX_ANSWER_BYTES) throw witnessError('a witness answered more than a cosignature');
    return { status: response.status, body };
  }

  #failed(witness: Witness, error: unknown): void {
    const { logger, onOutcome } = this.#options;
    const { name } = witness.verifier;
    const forked = error instanceof AuditError && error.code === 'log_rolled_back';
    onOutcome?.(name, forked ? 'refused' : 'failed');
    if (forked) logger.error({ err: error, witness: name }, 'a witness has seen a longer log: an alarm');
    else logger.warn({ err: error, witness: name }, 'a witness did not cosign; will ask again later');
  }
}

/** The checkpoint of a tree, signed by the log, and cosigned by the witnesses that answer in time. */
export async function signed(
  { signers, witnesses }: { readonly signers: LogSigners; readonly witnesses?: Witnesses | undefined },
  size: number,
  root: Buffer,
): Promise<Publication> {
  const publication = signers.sign(size, root);
  return witnesses === undefined ? publication : await witnesses.cosigned(publication);
}

function witnessError(what: string): AuditError {
  return new AuditError('witness', what);
}
