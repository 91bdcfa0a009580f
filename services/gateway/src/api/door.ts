import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Inference } from '../body/protocol.ts';
import { addressPrefix } from '../callers/address-prefix.ts';
import type { Arrival } from '../callers/arrival.ts';
import type { Authenticate, Caller, Unauthenticated } from '../callers/caller.ts';
import type { RejectionCounter } from '../callers/rejections.ts';
import type { Intake } from '../calls/intake/intake.ts';
import type { Clock } from '../clock.ts';
import { refuse } from '../errors.ts';
import type { IdSource } from '../events/ids.ts';
import type { Tallies } from '../metrics.ts';
import { writeRefusal } from './answers.ts';
import { INFERENCE, inferenceAt, pathOf } from './paths.ts';
import { readBody } from './read-body.ts';

export interface DoorParts {
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly authenticate: Authenticate;
  readonly rejections: RejectionCounter;
  readonly intake: Intake;
  readonly tallies: Tallies;
  /** Whether the gateway takes no more calls. */
  readonly closed: () => boolean;
  /** The largest body that is taken in, in bytes. */
  readonly maxBodyBytes: number;
}

/** Requests whose token is being verified, at most. */
const MAX_WAITING = 1000;

/** Lets callers in: who they are is asked before anything of theirs is read. */
export class Door {
  readonly #parts: DoorParts;
  #waiting = 0;

  constructor(parts: DoorParts) {
    this.#parts = parts;
  }

  /**
   * Takes an inference request off Node's server before the framework sees it, whose routing, request and reply
   * objects cost a tenth of the whole call. False for every other request.
   */
  takeInference(req: IncomingMessage, res: ServerResponse): boolean {
    if (req.method !== 'POST') return false;
    const asked = INFERENCE.get(req.url ?? '') ?? inferenceAt(pathOf(req.url));
    if (asked === null) return false;
    const arrival = this.arrive(req, res);
    if (arrival instanceof Promise) void this.#receiveLater(asked, arrival, req, res);
    else if (arrival !== null) this.#receive(asked, arrival, req, res);
    return true;
  }

  /**
   * Who has come; null where nobody was let in, which has then been answered. A promise, which never rejects, where that is
   * being found out: nothing of the request's body is read meanwhile.
   */
  arrive(req: IncomingMessage, res: ServerResponse): Arrival | null | Promise<Arrival | null> {
    const { clock, ids, authenticate, closed } = this.#parts;
    const arrivedMs = clock.monotonic();
    const requestId = ids.next();
    if (closed()) return closing(requestId, res);
    const requestedAtMs = clock.now();
    const caller = authenticate(req.headers.authorization, req.headers.origin);
    if (caller instanceof Promise) {
      const arrival = { requestId, requestedAtMs, arrivedMs };
      return this.#waiting < MAX_WAITING
        ? this.#arriveLater(arrival, caller, req, res)
        : this.#turnAway('identity_unavailable', requestId, req, res);
    }
    if (typeof caller !== 'string') return { requestId, caller, requestedAtMs, arrivedMs };
    return this.#turnAway(caller, requestId, req, res);
  }

  async #arriveLater(
    arrival: Omit<Arrival, 'caller'>,
    pending: Promise<Caller | Unauthenticated>,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<Arrival | null> {
    this.#waiting += 1;
    const caller = await pending;
    this.#waiting -= 1;
    if (res.destroyed) return null;
    if (this.#parts.closed()) return closing(arrival.requestId, res);
    if (typeof caller === 'string') return this.#turnAway(caller, arrival.requestId, req, res);
    return { ...arrival, caller };
  }

  async #receiveLater(
    asked: Inference,
    pending: Promise<Arrival | null>,
    req: IncomingMessage,
    res: ServerResponse,
  ): Promise<void> {
    const arrival = await pending;
    if (arrival !== null) this.#receive(asked, arrival, req, res);
  }

  #turnAway(why: Unauthenticated, requestId: string, req: IncomingMessage, res: ServerResponse): null {
    const { rejections, tallies } = this.#parts;
    rejections.count(addressPrefix(req.socket.remoteAddress), why);
    tallies.ended('unknown', 'unauthenticated');
    const refusal = refuse(why);
    if (refusal.status === 401) res.setHeader('www-authenticate', 'Bearer');
    writeRefusal(res, requestId, refusal);
    return null;
  }

  #receive(asked: Inference, arrival: Arrival, req: IncomingMessage, res: ServerResponse): void {
    const { intake, maxBodyBytes } = this.#parts;
    readBody(req, maxBodyBytes, (failure, body) => {
      if (failure === null) {
        intake.serve(asked, arrival, req, res, body);
        return;
      }
      // What is left of the body is not read, so the connection can't be used again.
      res.setHeader('connection', 'close');
      const tooLarge = failure === 'too-large';
      const refusal = tooLarge
        ? refuse('body_too_large', { limit: maxBodyBytes })
        : refuse('body_incomplete');
      intake.rejectUnread(asked.endpoint, arrival, req, res, refusal);
    });
  }
}

function closing(requestId: string, res: ServerResponse): null {
  res.setHeader('connection', 'close');
  writeRefusal(res, requestId, refuse('shutting_down'));
  return null;
}
