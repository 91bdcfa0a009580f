/**
 * Does the same for each item, so many at a time. Everything is tried, and over, before the first failure is thrown.
 *
 * @param lanes how many are worked on at once, at most
 */
export async function inParallel<T>(
  lanes: number,
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
): Promise<void> {
  const left = items.values();
  const running = Array.from({ length: Math.min(lanes, items.length) }, async () => {
    for (const item of left) await work(item);
  });
  const failed = (await Promise.allSettled(running)).find(({ status }) => status === 'rejected');
  if (failed?.status === 'rejected') throw failed.reason;
}
