import { BusError } from '../../errors.ts';

/**
 * Waits for the promise, or throws `closed` as soon as the signal is given: kafkajs' attempts to connect can't be
 * cancelled, and nobody who stops should wait for them. `late` then lets go of what came after all.
 */
export async function unlessAborted<T>(
  promise: Promise<T>,
  signal: AbortSignal,
  late: (value: T) => void = () => {},
): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const abort = () => aborted.reject(new BusError('closed', 'it was stopped meanwhile'));
  if (signal.aborted) abort();
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([promise, aborted.promise]);
  } catch (error) {
    if (signal.aborted) promise.then(late).catch(() => {});
    throw error;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
