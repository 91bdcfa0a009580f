import type { ServerResponse } from 'node:http';
import { HttpProblem, PROBLEMS } from '../errors.ts';

/**
 * Runs work that must have an answer in time. Its signal is aborted at the deadline and when the caller has gone;
 * work that does not listen goes on, but nobody waits for it.
 *
 * @throws HttpProblem 504 `deadline_exceeded`
 */
export async function withDeadline<T>(
  timeoutMs: number,
  response: ServerResponse,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    const problem = new HttpProblem(
      PROBLEMS.deadlineExceeded,
      `no answer within ${timeoutMs} ms: ask for less`,
    );
    controller.abort(problem);
    reject(problem);
  }, timeoutMs);
  const gone = () => {
    if (!response.writableEnded) controller.abort(new DOMException('the caller has gone', 'AbortError'));
  };
  response.once('close', gone);
  try {
    return await Promise.race([work(controller.signal), late]);
  } finally {
    clearTimeout(timer);
    response.off('close', gone);
  }
}
