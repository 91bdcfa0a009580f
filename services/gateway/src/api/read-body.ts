import type { IncomingMessage } from 'node:http';

/** Why a body could not be taken in. */
export type BodyFailure = 'too-large' | 'incomplete';

const NO_BODY = Buffer.alloc(0);

/**
 * How much of a body that is too large is taken in and thrown away before it is refused, and for how long. A client that
 * still writes when the connection is closed sees a broken pipe instead of the refusal.
 */
const MAX_DISCARDED_BYTES = 16 << 20;
const MAX_DISCARDING_MS = 2000;

/**
 * Takes in a request's body as the bytes that came and calls `done` once: with the body, or with why there is none.
 * Where the length was declared it does not wait for the end of the message, which comes a turn of the event loop
 * later.
 *
 * fastify's own reading of raw bodies costs four times as much, for what is not needed here.
 */
export function readBody(
  req: IncomingMessage,
  maxBytes: number,
  done: (failure: BodyFailure | null, body: Buffer) => void,
): void {
  const declared = req.headers['content-length'];
  const expected = declared === undefined ? -1 : Number(declared);
  if (expected > maxBytes) {
    discard(req, expected > maxBytes + MAX_DISCARDED_BYTES ? 0 : MAX_DISCARDED_BYTES, () =>
      done('too-large', NO_BODY),
    );
    return;
  }
  if (expected === 0) {
    done(null, NO_BODY);
    return;
  }
  let first: Buffer | null = null;
  let rest: Buffer[] | null = null;
  let received = 0;
  let open = true;
  const settle = (failure: BodyFailure | null): void => {
    if (!open) return;
    open = false;
    if (failure !== null) done(failure, NO_BODY);
    else done(null, rest === null ? (first ?? NO_BODY) : Buffer.concat(rest, received));
  };
  req.on('data', (chunk: Buffer) => {
    if (!open) return;
    received += chunk.length;
    if (received > maxBytes) {
      open = false;
      first = rest = null;
      discard(req, MAX_DISCARDED_BYTES, () => done('too-large', NO_BODY));
      return;
    }
    if (first === null) first = chunk;
    else if (rest === null) rest = [first, chunk];
    else rest.push(chunk);
    if (received === expected) settle(null);
  });
  if (expected < 0) req.on('end', () => settle(null));
  // Of a message cut short nothing but this is certain to come; after a whole one it is settled already.
  req.on('close', () => settle('incomplete'));
}

/** Reads on without keeping anything, to the message's end or to a bound, and then calls `done` once. */
function discard(req: IncomingMessage, maxBytes: number, done: () => void): void {
  let left = maxBytes;
  let open = true;
  const finish = (): void => {
    if (!open) return;
    open = false;
    clearTimeout(timer);
    done();
  };
  const timer = setTimeout(finish, MAX_DISCARDING_MS);
  req.on('data', (chunk: Buffer) => {
    left -= chunk.length;
    if (left < 0) finish();
  });
  req.on('end', finish);
  req.on('close', finish);
  if (maxBytes === 0) finish();
}
