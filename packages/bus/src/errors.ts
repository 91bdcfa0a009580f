export type BusErrorCode =
  /** A batch may not have been stored: publish the whole batch again. */
  | 'publish-failed'
  /** The broker's answer does not cover what was sent; nothing may be assumed stored. */
  | 'publish-unconfirmed'
  /** A message is too large, has no topic of ours, or the like: publishing it again cannot help. */
  | 'bad-message'
  /** The publisher, consumer or bus has been closed. */
  | 'closed'
  /** The topic is not there: run `tollgate topics init`. */
  | 'topic-missing'
  /** A topic, group or cluster could not be reached or read. */
  | 'broker-unreachable'
  /** The broker knows this user, and its rights do not reach so far. */
  | 'not-allowed'
  /** A configured file or value cannot be used. */
  | 'bad-config'
  /** An event is larger than consumers accept. */
  | 'event-too-large'
  /** A kind that its source does not number was handed to the outbox. */
  | 'not-numbered'
  /** The dead letter that was asked for is not there. */
  | 'dead-letter-missing'
  /** The message's bytes are neither in the dead letter nor in its topic any more. */
  | 'dead-letter-incomplete'
  /** The local broker did not start; the message quotes its log. */
  | 'kafka-start-failed';

/** Every error that this package itself raises; what lies beneath is its `cause`. */
export class BusError extends Error {
  readonly code: BusErrorCode;

  constructor(code: BusErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'BusError';
    this.code = code;
  }
}
