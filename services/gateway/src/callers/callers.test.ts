import type { ApiKey } from '@tollgate/events';
import { DirectoryView, hashCredential } from '@tollgate/http';
import { describe, expect, test } from 'vitest';
import { IdSource } from '../events/ids.ts';
import { MemorySpool } from '../testing/memory-spool.ts';
import { addressPrefix } from './address-prefix.ts';
import { authenticateByDirectory } from './directory-authentication.ts';
import { RejectionCounter } from './rejections.ts';

const NOW = Date.parse('2026-03-01T09:30:10.000Z');

const key: ApiKey = {
  kind: 'api-key',
  id: 'key_1',
  version: 1,
  deleted: false,
  organisation_id: 'org_1',
  team_id: 'team_1',
  project_id: 'project_1',
  cost_centre_id: null,
  principal_type: 'service',
  principal_id: 'sp_1',
  name: 'k',
  sha256: hashCredential('tgk_one'),
  tags: { a: 'b' },
  expires_at: '2026-04-01T00:00:00Z',
};

describe('authentication by the directory', () => {
  const set = (current = true) => {
    const view = new DirectoryView();
    view.applyEntity(key);
    let now = NOW;
    const authenticate = authenticateByDirectory(view, { now: () => now, monotonic: () => 0 }, () => current);
    return { view, authenticate, setNow: (ms: number) => (now = ms) };
  };

  test('a live key gives its attribution, the same object each time', () => {
    const { authenticate } = set();
    const caller = authenticate('Bearer tgk_one');
    expect(caller).toMatchObject({ keyId: 'key_1', teamId: 'team_1', costCentreId: null, tags: { a: 'b' } });
    expect(authenticate('bearer tgk_one')).toBe(caller);
  });

  test('a changed key or cost centre gives a new object', () => {
    const { view, authenticate } = set();
    const caller = authenticate('Bearer tgk_one');
    view.applyEntity({
      kind: 'team',
      id: 'team_1',
      version: 1,
      deleted: false,
      organisation_id: 'org_1',
      name: 't',
      cost_centre_id: 'cc_9',
    });
    expect(authenticate('Bearer tgk_one')).toMatchObject({ costCentreId: 'cc_9' });
    view.applyEntity({ ...key, version: 2, team_id: 'team_2' });
    expect(authenticate('Bearer tgk_one')).toMatchObject({ teamId: 'team_2' });
    expect(caller).toMatchObject({ teamId: 'team_1', costCentreId: null });
  });

  test('no key, an unknown, an expired and a revoked one are told apart', () => {
    const { view, authenticate, setNow } = set();
    expect(authenticate(undefined)).toBe('missing_api_key');
    expect(authenticate('Basic abc')).toBe('missing_api_key');
    expect(authenticate('Bearer tgk_two')).toBe('invalid_api_key');
    setNow(Date.parse('2026-04-01T00:00:00Z'));
    expect(authenticate('Bearer tgk_one')).toBe('expired_api_key');
    view.applyEntity({ ...key, version: 2, deleted: true });
    expect(authenticate('Bearer tgk_one')).toBe('invalid_api_key');
  });

  test('an unknown key is not called invalid while the directory is out of reach', () => {
    expect(set(false).authenticate('Bearer tgk_two')).toBe('directory_stale');
  });
});

test.each([
  ['10.11.12.13', '10.11.12.0/24'],
  ['::ffff:10.11.12.13', '10.11.12.0/24'],
  ['2001:db8:1:2::9', '2001:db8:1::/48'],
  ['fe80::1%eth0', 'fe80:0:0::/48'],
  ['::1', '0:0:0::/48'],
  ['2001:0db8:0001:0002:0003:0004:0005:0006', '2001:db8:1::/48'],
  ['nonsense', null],
  [undefined, null],
])('%s is kept as %s', (address, prefix) => {
  expect(addressPrefix(address)).toBe(prefix);
});

describe('rejections', () => {
  const counter = () => {
    const spool = new MemorySpool();
    const clock = { now: () => clock.ms, monotonic: () => 0, ms: NOW };
    return { spool, clock, rejections: new RejectionCounter(clock, spool, new IdSource(clock)) };
  };

  test('are told once a minute, by prefix and code', () => {
    const { spool, clock, rejections } = counter();
    for (let i = 0; i < 3; i += 1) rejections.count('10.0.0.0/24', 'invalid_api_key');
    rejections.count('10.0.1.0/24', 'missing_api_key');
    rejections.tell(false);
    expect(spool.events()).toEqual([]);
    clock.ms += 60_000;
    rejections.tell(false);
    rejections.tell(false);
    expect(spool.events()).toMatchObject([
      {
        data: {
          minute: '2026-03-01T09:30:00.000Z',
          counts: [
            { client_prefix: '10.0.0.0/24', code: 'invalid_api_key', count: 3 },
            { client_prefix: '10.0.1.0/24', code: 'missing_api_key', count: 1 },
          ],
          other: 0,
        },
      },
    ]);
  });

  test('a flood from everywhere stays within its bytes', () => {
    const { spool, clock, rejections } = counter();
    for (let i = 0; i < 100_000; i += 1)
      rejections.count(`2001:db8:${i.toString(16)}::/48`, 'invalid_api_key');
    clock.ms += 60_000;
    rejections.tell(false);
    expect(spool.appended[0]?.json.length).toBeLessThan(32 * 1024);
    expect(spool.events()[0]?.data).toMatchObject({ other: 100_000 - 256 });
  });

  test('wait while the spool is full', () => {
    const { spool, clock, rejections } = counter();
    rejections.count(null, 'invalid_api_key');
    spool.full = true;
    clock.ms += 120_000;
    rejections.tell(false);
    spool.full = false;
    rejections.count(null, 'invalid_api_key');
    rejections.tell(false);
    expect(spool.events()[0]?.data).toMatchObject({
      minute: '2026-03-01T09:30:00.000Z',
      counts: [{ client_prefix: 'unknown', count: 2 }],
    });
  });
});
