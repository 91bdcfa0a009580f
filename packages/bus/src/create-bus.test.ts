import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createLogger } from '@tollgate/telemetry';
import { temporaryFolder } from '@tollgate/testing';
import { expect, it } from 'vitest';
import { chooseBus, createBus } from './create-bus.ts';

const URL = 'postgres://gateway:secret@127.0.0.1:5432/tollgate';

it('takes Kafka where brokers are named, whether or not TOLLGATE_BUS says so', () => {
  expect(chooseBus({ KAFKA_BROKERS: 'a:9092' })).toMatchObject({
    kind: 'kafka',
    kafka: { brokers: ['a:9092'], topicPrefix: 'tollgate.' },
  });
  expect(chooseBus({ TOLLGATE_BUS: 'kafka', KAFKA_BROKERS: 'a:9092' }).kind).toBe('kafka');
});

it('takes the embedded bus where TOLLGATE_BUS says so, its URL given or in a file', () => {
  const file = path.join(temporaryFolder(), 'url');
  writeFileSync(file, `${URL}\n`);
  const expected = { kind: 'embedded', postgres: { url: URL } };
  expect(chooseBus({ TOLLGATE_BUS: 'embedded', TOLLGATE_BUS_DATABASE_URL: URL })).toEqual(expected);
  expect(chooseBus({ TOLLGATE_BUS: 'embedded', TOLLGATE_BUS_DATABASE_URL_FILE: file })).toEqual(expected);
});

it.each([
  ['no choice', {}, /^TOLLGATE_BUS: .*KAFKA_BROKERS.*TOLLGATE_BUS=embedded.*TOLLGATE_BUS_DATABASE_URL/],
  ['an empty choice', { KAFKA_BROKERS: '' }, /^TOLLGATE_BUS: events have nowhere to go/],
  ['an unknown choice', { TOLLGATE_BUS: 'nats' }, /^TOLLGATE_BUS: is neither/],
  ['both', { TOLLGATE_BUS: 'embedded', KAFKA_BROKERS: 'a:9092' }, /^TOLLGATE_BUS: .*KAFKA_BROKERS/],
  ['no URL', { TOLLGATE_BUS: 'embedded' }, /^TOLLGATE_BUS_DATABASE_URL: is needed/],
  ['a bad URL', { TOLLGATE_BUS: 'embedded', TOLLGATE_BUS_DATABASE_URL: 'x' }, /^TOLLGATE_BUS_DATABASE_URL: /],
  ['bad brokers', { KAFKA_BROKERS: 'a' }, /^KAFKA_BROKERS: list brokers as/],
  ['no brokers', { TOLLGATE_BUS: 'kafka' }, /^KAFKA_BROKERS: is not set/],
])('refuses %s in one line that names the variable', (_name, environment, message) => {
  expect(() => chooseBus(environment)).toThrow(
    expect.objectContaining({ code: 'bad-config', message: expect.stringMatching(message) }),
  );
});

it('makes either bus without waiting for its server', async () => {
  const logger = createLogger({ service: 'bus', level: 'silent' });
  for (const environment of [
    { KAFKA_BROKERS: '127.0.0.1:1' },
    { TOLLGATE_BUS: 'embedded', TOLLGATE_BUS_DATABASE_URL: 'postgres://nobody@127.0.0.1:1/nothing' },
  ]) {
    const bus = createBus(chooseBus(environment), { logger });
    await bus.createPublisher();
    await bus.close();
  }
});
