import { decisionOf, isFinalUsage, subjectOf } from '../spool/event-bytes.ts';
import { KIND_PROGRESS, kindOf } from '../spool/frame.ts';
import { decodeProgress, type Progress } from '../spool/progress.ts';

const REQUEST = kindOf('tollgate.request.v1');
const DECISION = kindOf('tollgate.decision.v1');
const USAGE = kindOf('tollgate.usage.v1');

/** A request that the spool knows, and whose end it does not. */
export interface OpenRequest {
  readonly requestId: string;
  /** Bytes of its request event. */
  readonly request: Buffer;
  /** Bytes of the decision that allowed it; null where nothing was decided yet. */
  allowed: Buffer | null;
  /** Bytes of its latest usage event, which was not final; null without one. */
  attempted: Buffer | null;
  progress: Progress | null;
}

/**
 * Which requests the frames of a spool leave open, over all epochs: a set, so that frames which close the same
 * request in a later epoch count, however often recovery ran. A request's own event comes first in the log.
 */
export class OpenRequests {
  readonly #open = new Map<string, OpenRequest>();

  /** Takes the next frame, oldest first. The payload is copied where it is kept. */
  visit(kind: number, payload: Buffer): void {
    if (kind === KIND_PROGRESS) {
      const progress = decodeProgress(payload);
      const open = progress === null ? undefined : this.#open.get(progress.requestId);
      if (open !== undefined) open.progress = progress;
      return;
    }
    if (kind !== REQUEST && kind !== DECISION && kind !== USAGE) return;
    const requestId = subjectOf(payload);
    if (requestId === null) return;
    if (kind === REQUEST) {
      this.#open.set(requestId, {
        requestId,
        request: Buffer.from(payload),
        allowed: null,
        attempted: null,
        progress: null,
      });
      return;
    }
    const open = this.#open.get(requestId);
    if (open === undefined) return;
    if (kind === DECISION) {
      const decision = decisionOf(payload);
      if (decision === 'allowed') open.allowed = Buffer.from(payload);
      else if (decision === 'refused') this.#open.delete(requestId);
    } else if (isFinalUsage(payload)) {
      this.#open.delete(requestId);
    } else {
      open.attempted = Buffer.from(payload);
    }
  }

  /** Those that are still open, in the order in which they came. */
  remaining(): OpenRequest[] {
    return [...this.#open.values()];
  }
}
