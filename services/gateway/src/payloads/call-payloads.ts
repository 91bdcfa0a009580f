import type { PayloadStatement } from '@tollgate/events';
import type { PayloadDirection, SealingKey } from '@tollgate/payload-sealing';
import type { PayloadCapture } from '@tollgate/policy';
import { Collected } from './collected.ts';
import type { Group, PayloadSpool, UnsealedFacts } from './payload-spool.ts';

type CallFacts = Omit<UnsealedFacts, 'direction' | 'content_type' | 'body_bytes' | 'truncated'>;

const REQUEST_TYPE = 'application/json';

export interface PayloadsParts {
  readonly spool: Pick<PayloadSpool, 'append' | 'whenSafe'>;
  /** The vault's public key; null until it is known. */
  readonly key: () => SealingKey | null;
  /** The most that is kept of one body. */
  readonly maxBytes: number;
  readonly count: (direction: PayloadDirection, outcome: 'kept' | 'truncated' | 'lost') => void;
}

/** The bodies of one call on their way to the vault. */
export class CallPayloads {
  /** What the call's final usage event says of them. */
  readonly statements: PayloadStatement[] = [];
  readonly #parts: PayloadsParts;
  readonly #capture: PayloadCapture;
  readonly #facts: CallFacts;
  /** What has come of an answer in pieces; null where none has. */
  #answer: Collected | null = null;
  /** What the last body that was kept is written with. */
  #group: Group | null = null;
  #lost = false;

  constructor(parts: PayloadsParts, capture: PayloadCapture, facts: CallFacts) {
    this.#parts = parts;
    this.#capture = capture;
    this.#facts = facts;
  }

  /** False where it can't be kept and has to be. */
  takeRequest(body: Buffer): boolean {
    return this.#keep('request', REQUEST_TYPE, body.subarray(0, this.#parts.maxBytes), body.length);
  }

  /** Takes an answer that goes to the caller in one piece. */
  takeAnswer(body: Buffer, contentType: string): void {
    if (!this.#capture.responses || body.length === 0) return;
    this.#keep('response', contentType, body.subarray(0, this.#parts.maxBytes), body.length);
  }

  /** Takes a piece of a streamed answer as the caller gets it. */
  addAnswer(piece: Uint8Array): void {
    if (!this.#capture.responses) return;
    this.#answer ??= new Collected(this.#parts.maxBytes);
    this.#answer.add(piece);
  }

  /** The streamed answer has ended, whole or not. */
  endAnswer(contentType: string): void {
    const answer = this.#answer;
    if (answer !== null) this.#keep('response', contentType, answer.kept(), answer.bytes);
  }

  /**
   * Calls back when the call may go on: at once, or, where bodies are required, when everything kept of it is on the
   * disk. With an error it may not.
   */
  whenTaken(callback: (error: Error | null) => void): void {
    if (this.#capture.mode !== 'required') callback(null);
    else if (this.#lost) callback(new Error('a payload that is required could not be kept'));
    else if (this.#group === null) callback(null);
    else this.#parts.spool.whenSafe(this.#group, callback);
  }

  #keep(direction: PayloadDirection, contentType: string, kept: Buffer, bodyBytes: number): boolean {
    const { key, spool, count } = this.#parts;
    const sealingKey = key();
    const truncated = kept.length < bodyBytes;
    const facts = {
      ...this.#facts,
      direction,
      content_type: contentType,
      body_bytes: bodyBytes,
      truncated,
    };
    const appended = sealingKey === null ? null : spool.append(sealingKey, facts, kept);
    const digest = appended === null ? null : appended.digest;
    const keptBytes = digest === null ? 0 : kept.length;
    this.statements.push({ direction, body_bytes: bodyBytes, kept_bytes: keptBytes, digest });
    count(direction, digest === null ? 'lost' : truncated ? 'truncated' : 'kept');
    if (appended !== null) {
      this.#group = appended.group;
      return true;
    }
    this.#lost = true;
    return this.#capture.mode !== 'required';
  }
}
