import type { Running } from '../bus.ts';

/**
 * Consumes once something is ready that the handler can't do without, such as a followed topic's state.
 *
 * @param awaited what is not there until then, for `trouble`
 * @param consume as `Bus.consume`; not called where it was stopped before
 */
export function consumeWhenReady(
  ready: Promise<unknown>,
  awaited: string,
  consume: () => Promise<Running>,
): Running {
  let consumer: Running | null = null;
  let trouble = awaited;
  let stopped = false;
  void ready
    .then(async () => {
      if (stopped) return;
      consumer = await consume();
      if (stopped) await consumer.stop();
    })
    .catch((error: unknown) => {
      trouble = error instanceof Error ? error.message : String(error);
    });
  return {
    trouble: () => (consumer === null ? trouble : consumer.trouble()),
    async stop() {
      stopped = true;
      await consumer?.stop();
    },
  };
}
