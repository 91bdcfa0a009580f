import { parseEvent } from '@tollgate/events';
import { until } from '@tollgate/testing';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { effectsOf, IN_TIME } from '../contract/effects.ts';
import { sampleEvents } from '../contract/events.ts';
import { deadLettersCommand } from '../dead-letters/dead-letters-command.ts';
import { createPostgresHarness, type PostgresHarness } from './postgres-harness.ts';

let harness: PostgresHarness;
let output = '';
beforeAll(async () => {
  harness = await createPostgresHarness();
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    output += String(text);
    return true;
  });
});
afterAll(async () => {
  vi.restoreAllMocks();
  await harness.close();
});

async function run(...args: string[]): Promise<string> {
  output = '';
  const environment = { TOLLGATE_BUS: 'embedded', TOLLGATE_BUS_DATABASE_URL: harness.connection.url };
  await deadLettersCommand(environment).parseAsync(args, { from: 'user' });
  return output;
}

it('lists, shows and replays dead letters of the embedded bus, also those too large to be kept whole', async () => {
  const large = Buffer.from(`{"not":"an event","padding":"${'x'.repeat(60_000)}"}`);
  const small = Buffer.from('not JSON at all');
  const good = sampleEvents(1);
  await harness.publishTo('requests', 1, [small, large, ...good.map(({ value }) => value)]);
  await harness.createBus().consume({
    group: 'commands',
    topics: ['requests'],
    pool: harness.createPool(),
    parse: parseEvent,
    handle: effectsOf('commands'),
  });
  const listed = await until(async () => {
    const lines = (await run('list', '--json')).trim().split('\n');
    return lines.length === 2 ? lines.map((line) => JSON.parse(line)) : null;
  }, IN_TIME);
  expect(listed.map(({ topic, partition, offset }) => [topic, partition, offset]).sort()).toEqual([
    ['requests', 1, '0'],
    ['requests', 1, '1'],
  ]);
  const smallId = listed.find(({ offset }) => offset === '0').id;
  const largeId = listed.find(({ offset }) => offset === '1').id;
  const shown = JSON.parse(await run('show', smallId, '--json'));
  expect(Buffer.from(shown.data.value, 'base64').equals(small)).toBe(true);

  expect(await run('replay', smallId)).toMatch(/15 bytes published to requests again/);
  await run('replay', largeId, '--json');
  const again = await until(
    async () => (await run('list', '--json')).trim().split('\n').length === 4,
    IN_TIME,
  );
  expect(again).toBe(true);
  await expect(run('show', '0:4711')).rejects.toMatchObject({ code: 'dead-letter-missing' });
});
