import { migrate, openPool, type Pool } from '@tollgate/database';
import { createTestDatabase, type TestDatabase } from '@tollgate/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { busMigrations } from '../migrations.ts';
import { append } from './append.ts';
import { noteProgress } from './consume/group-progress.ts';
import { sweep } from './housekeeping.ts';
import { initEmbeddedBus } from './init.ts';
import { readLogs, readPage } from './log.ts';

const [CHARGEBACK, STRANGER, GATEWAY] = ['chargeback', 'bus_stranger', 'gateway'] as const;
const LIMITS = { maxMessages: 10, maxBytes: 1_000 };

let database: TestDatabase;
const pools: Pool[] = [];
let [owner, chargeback, stranger, gateway]: Pool[] = [];

function pool(url: string): Pool {
  const opened = openPool({ url, applicationName: 'bus-rights' });
  pools.push(opened);
  return opened;
}

beforeAll(async () => {
  database = await createTestDatabase({
    services: [CHARGEBACK, STRANGER].map((name) => ({ schema: name, role: name, sets: [busMigrations] })),
  });
  const { ownerUrl } = database;
  const roles = [{ role: CHARGEBACK }, { role: GATEWAY, rolePassword: 'of the gateway' }];
  await initEmbeddedBus({ ownerUrl, roles });
  const gatewayUrl = new URL(ownerUrl);
  gatewayUrl.username = GATEWAY;
  gatewayUrl.password = 'of the gateway';
  owner = pool(ownerUrl);
  chargeback = pool(database.urlFor(CHARGEBACK));
  stranger = pool(database.urlFor(STRANGER));
  gateway = pool(gatewayUrl.href);
});
afterAll(async () => {
  await Promise.all(pools.map((one) => one.end()));
  await database.close();
});

function one(topic: 'usage' | 'charges', value = 'value') {
  return [{ topic, partition: 0, messages: [{ topic, key: 'key', value: Buffer.from(value) }] }];
}
const on = (of: Pool | undefined): Pool => {
  if (of === undefined) throw new Error('not opened');
  return of;
};

describe('a role that uses the bus', () => {
  it('appends to the topics of its service, and reads all', async () => {
    await append(on(gateway), one('usage', 'used'));
    await append(on(chargeback), one('charges', 'charged'));
    expect((await readPage(on(chargeback), 'usage', 0, 0n, LIMITS)).messages[0]?.value.toString()).toBe(
      'used',
    );
    expect(await readLogs(on(gateway), ['charges'])).toMatchObject([{ high: 1n }, {}, {}, {}]);
  });

  it('appends to no other topic', async () => {
    await expect(append(on(chargeback), one('usage'))).rejects.toThrow(
      'chargeback may not append to topic usage',
    );
    await expect(append(on(gateway), one('charges'))).rejects.toThrow('may not append');
  });

  it.each([
    ["INSERT INTO bus.message VALUES ('charges', 0, 99, 'key', 'forged', now())"],
    ["INSERT INTO bus.message_charges VALUES ('charges', 0, 99, 'key', 'forged', now())"],
    ["UPDATE bus.message_usage SET value = 'forged'"],
    ["UPDATE bus.message SET value = 'forged'"],
    ['DELETE FROM bus.message'],
    ['DELETE FROM bus.message_charges'],
    ['TRUNCATE bus.message_charges'],
    ['UPDATE bus.topic_partition SET next_offset = 0'],
    ['UPDATE bus.topic SET retention_ms = 1'],
    ["INSERT INTO bus.topic_writer VALUES ('usage', 'chargeback')"],
    ['DELETE FROM bus.group_progress'],
    ["SELECT bus.create_topic('mine', 1, false, 1, 1)"],
    ['SET ROLE bus'],
    ['ALTER FUNCTION bus.append OWNER TO chargeback'],
    ['CREATE TABLE bus.mine ()'],
  ])('may not %s', async (statement) => {
    await expect(on(chargeback).query(statement)).rejects.toMatchObject({ code: '42501' });
  });

  it('removes nothing by sweeping that is not old', async () => {
    expect(await sweep(on(chargeback))).toBe(0);
    expect(await readLogs(on(owner), ['charges'])).toMatchObject([{ low: 0n, high: 1n }, {}, {}, {}]);
  });

  it('speaks for no group that another has registered', async () => {
    const at = (next: bigint) => [{ topic: 'usage', partition: 0, next }];
    await noteProgress(on(chargeback), 'chargeback', at(1n));
    await noteProgress(on(gateway), 'chargeback', at(9n));
    const { rows } = await on(owner).query('SELECT next_offset FROM bus.group_progress');
    expect(rows).toEqual([{ next_offset: 1n }]);
  });
});

describe('any other role', () => {
  it('neither reads nor appends', async () => {
    await expect(readLogs(on(stranger), ['usage'])).rejects.toMatchObject({ code: '42501' });
    await expect(append(on(stranger), one('usage'))).rejects.toMatchObject({ code: '42501' });
  });
});

describe('setting the bus up', () => {
  it('again changes neither topics nor messages, but who may write', async () => {
    const { ownerUrl } = database;
    const before = await readLogs(on(owner), ['usage', 'charges']);
    await initEmbeddedBus({ ownerUrl, partitions: 9, roles: [{ role: CHARGEBACK, writes: ['periods'] }] });
    expect(await readLogs(on(owner), ['usage', 'charges'])).toEqual(before);
    await expect(append(on(chargeback), one('charges'))).rejects.toThrow('may not append');
    await initEmbeddedBus({ ownerUrl, roles: [{ role: CHARGEBACK }] });
    await append(on(chargeback), one('charges'));
  });

  it("leaves a service's own schema where its role finds it", async () => {
    const { rows } = await on(chargeback).query('SELECT current_schema() AS schema');
    expect(rows).toEqual([{ schema: CHARGEBACK }]);
    // As a later release does, after the bus was set up.
    await migrate({
      ownerUrl: database.ownerUrl,
      schema: CHARGEBACK,
      role: CHARGEBACK,
      sets: [busMigrations],
    });
  });

  it('refuses a role that is not there, and one of which it does not know what it writes', async () => {
    const { ownerUrl } = database;
    await expect(
      initEmbeddedBus({ ownerUrl, roles: [{ role: 'bus_nobody', writes: [] }] }),
    ).rejects.toMatchObject({ code: 'bad-config' });
    await expect(initEmbeddedBus({ ownerUrl, roles: [{ role: STRANGER }] })).rejects.toThrow(
      'name the topics that it writes',
    );
  });

  it('is done once by many that do it at once', async () => {
    const { ownerUrl } = database;
    const roles = [{ role: CHARGEBACK }, { role: GATEWAY, rolePassword: 'of the gateway' }];
    await Promise.all(Array.from({ length: 4 }, () => initEmbeddedBus({ ownerUrl, roles })));
    await append(on(gateway), one('usage'));
  });
});
