/** Time as the gateway sees it; a test gives its own. */
export interface Clock {
  /** Milliseconds since the Unix epoch, whole. */
  now(): number;
  /** Milliseconds since some fixed moment, never going back, with fractions. */
  monotonic(): number;
}

export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
};
