import type { Bus, OutgoingMessage } from '@tollgate/bus';
import { until } from '@tollgate/testing';
import { expect, test } from 'vitest';
import { directoryUnderTest, tokenWith } from './testing/directory-under-test.ts';

/** The relay's publisher, which is asked for second, fails while told to; heartbeats get through. */
function busWithBrokenRelay() {
  const state = { broken: false };
  const heartbeats: OutgoingMessage[] = [];
  let publishers = 0;
  const bus: Bus = {
    async createPublisher() {
      const ofRelay = publishers++ === 1;
      return {
        async publish(batch) {
          if (!ofRelay) heartbeats.push(...batch);
          else if (state.broken) throw new Error('not stored');
        },
        close: async () => {},
      };
    },
    consume: () => Promise.reject(new Error('not here')),
    follow: () => Promise.reject(new Error('not here')),
    close: async () => {},
  };
  return { bus, state, heartbeats };
}

test('the directory does not call itself well while a change waits to be published', async () => {
  const { bus, state, heartbeats } = busWithBrokenRelay();
  const under = await directoryUnderTest({ bus, heartbeatIntervalMs: 10 });
  const checks = async () => (await under.call('GET', '/readyz', undefined, '')).body.checks;
  try {
    await until(() => heartbeats.length > 5, { timeoutMs: 10_000 });
    const { data, source, sequence } = JSON.parse(heartbeats[0]?.value.toString() ?? '');
    expect(data.at).toBe('2026-03-01T12:00:00.000Z');
    expect(source).toMatch(/^\/services\/directory\/[0-9a-f-]{36}$/);
    expect(sequence).toBeUndefined();

    state.broken = true;
    await tokenWith(under, { scopes: ['directory:read'] });
    await until(async () => !(await checks()).heartbeat.ok, { timeoutMs: 10_000 });
    const said = heartbeats.length;
    await until(async () => !(await checks()).outbox.ok, { timeoutMs: 10_000 });
    expect(heartbeats.length).toBe(said);

    state.broken = false;
    await until(() => heartbeats.length > said, { timeoutMs: 20_000 });
    await until(async () => (await checks()).heartbeat.ok, { timeoutMs: 10_000 });
  } finally {
    await under.stop();
  }
});
