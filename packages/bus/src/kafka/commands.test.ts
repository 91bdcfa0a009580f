import { parseEvent } from '@tollgate/events';
import { until } from '@tollgate/testing';
import { Command } from 'commander';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { deadLettersCommand, topicsCommand } from '../commands.ts';
import { assertEffects, effectsOf, IN_TIME } from '../contract/effects.ts';
import { sampleEvents } from '../contract/events.ts';
import { createKafkaHarness, type KafkaHarness } from './kafka-harness.ts';

const TIMEOUT_MS = 60_000;

describe('commands on the bus', () => {
  let harness: KafkaHarness;
  let environment: NodeJS.ProcessEnv;
  beforeAll(async () => {
    harness = await createKafkaHarness();
    environment = {
      KAFKA_BROKERS: harness.config.brokers.join(','),
      TOLLGATE_TOPIC_PREFIX: harness.config.topicPrefix,
    };
  });
  afterAll(() => harness?.close());

  /** What a command writes to stdout, and its exit code. */
  async function run(...args: string[]): Promise<{ output: string; exitCode: number }> {
    let output = '';
    const write = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
      output += String(text);
      return true;
    });
    process.exitCode = 0;
    try {
      const program = new Command()
        .addCommand(topicsCommand(environment))
        .addCommand(deadLettersCommand(environment))
        .exitOverride();
      await program.parseAsync(args, { from: 'user' });
      return { output, exitCode: process.exitCode };
    } finally {
      write.mockRestore();
      process.exitCode = 0;
    }
  }

  it(
    'say what topics would be created, and create nothing in a dry run',
    async () => {
      environment['TOLLGATE_TOPIC_PREFIX'] = `${harness.config.topicPrefix}dry.`;
      const dry = await run('topics', 'init', '--dry-run', '--partitions', '3', '--json');
      const again = await run('topics', 'init', '--dry-run', '--partitions', '3');
      environment['TOLLGATE_TOPIC_PREFIX'] = harness.config.topicPrefix;
      const report = JSON.parse(dry.output);
      expect(report.topics).toHaveLength(11);
      expect(report.topics[0]).toEqual({
        name: `${harness.config.topicPrefix}dry.requests`,
        state: 'to-create',
      });
      expect(report.access.map((one: { service: string }) => one.service)).toContain('gateway');
      expect(again.output).toMatch(/dry\.usage: would be created/);
      expect(again.output).toMatch(/Read, Describe on group prefixed .*dry\.follow\.directory\./);
    },
    TIMEOUT_MS,
  );

  it(
    'compare topics that are there, change nothing, and say what differs by the exit code',
    async () => {
      const same = await run('topics', 'init', '--partitions', '3');
      expect(same.exitCode).toBe(0);
      expect(same.output).toMatch(/usage: is as planned/);
      const different = await run('topics', 'init', '--partitions', '4', '--json');
      expect(different.exitCode).toBe(1);
      expect(JSON.parse(different.output).topics[0].differences).toEqual(['partitions is 3, planned 4']);
    },
    TIMEOUT_MS,
  );

  it('name the variable that is wrong in one line', async () => {
    const brokers = environment['KAFKA_BROKERS'];
    delete environment['KAFKA_BROKERS'];
    await expect(run('topics', 'init')).rejects.toThrow(/^KAFKA_BROKERS: is not set$/);
    environment['KAFKA_BROKERS'] = brokers;
    await expect(run('dead-letters', 'show', 'nonsense')).rejects.toThrow(/look like 3:17/);
    await expect(run('dead-letters', 'show', '0:4711')).rejects.toMatchObject({
      code: 'dead-letter-missing',
    });
  });

  it(
    'list, show and replay dead letters, also those too large to be kept whole',
    async () => {
      const pool = harness.createPool();
      const large = Buffer.from(`{"not":"an event","padding":"${'x'.repeat(60_000)}"}`);
      const small = Buffer.from('not JSON at all');
      const good = sampleEvents(1);
      await harness.publishTo('requests', 1, [small, large, ...good.map(({ value }) => value)]);
      await harness.createBus().consume({
        group: 'commands',
        topics: ['requests'],
        pool,
        parse: parseEvent,
        handle: effectsOf('commands'),
      });
      await assertEffects(
        pool,
        good.map(({ id }) => id),
      );

      const listed = await until(async () => {
        const lines = (await run('dead-letters', 'list', '--json')).output.trim().split('\n');
        return lines.length === 2 ? lines.map((line) => JSON.parse(line)) : null;
      }, IN_TIME);
      expect(listed.map(({ partition, offset, code }) => [partition, offset, code]).sort()).toEqual([
        [1, '0', 'malformed'],
        [1, '1', 'malformed'],
      ]);
      expect((await run('dead-letters', 'list')).output).toMatch(/requests\/1 at 0 {2}malformed: not JSON/);
      const smallId = listed.find(({ offset }) => offset === '0').id;
      const largeId = listed.find(({ offset }) => offset === '1').id;
      const shown = JSON.parse((await run('dead-letters', 'show', smallId, '--json')).output);
      expect(Buffer.from(shown.data.value, 'base64').equals(small)).toBe(true);

      const again: Buffer[] = [];
      await harness.createBus().consume({
        group: 'replayed',
        topics: ['requests'],
        pool,
        parse: (bytes) => ({ kind: 'event', event: Buffer.from(bytes) }),
        async handle(batch) {
          for (const { event } of batch.messages) again.push(event);
        },
      });
      await until(() => again.length === 3, IN_TIME);
      expect((await run('dead-letters', 'replay', smallId)).output).toMatch(/15 bytes published/);
      await run('dead-letters', 'replay', largeId, '--json');
      await until(() => again.length === 5, IN_TIME);
      expect(
        again
          .slice(3)
          .map((bytes) => bytes.length)
          .sort((a, b) => a - b),
      ).toEqual([15, large.length]);
      expect(again.slice(3).some((bytes) => bytes.equals(large))).toBe(true);
    },
    TIMEOUT_MS,
  );
});
