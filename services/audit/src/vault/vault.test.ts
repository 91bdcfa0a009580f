import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { createTestDatabase, type TestDatabase, temporaryFolder } from '@tollgate/testing';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { auditMigrations } from '../migrations.ts';
import { openVaultStand, requestId, type VaultStand } from '../testing/vault-stand.ts';
import { expire } from './erasure/retention.ts';

const PROMPT = 'what the person asked, in confidence, and at some length so that it is found';
const ANSWER = 'what the model answered, in as much confidence, and at some length as well';
const DAY_MS = 86_400_000;

let database: TestDatabase;
let stand: VaultStand;
let security: string;

beforeEach(async () => {
  database = await createTestDatabase({ services: [auditMigrations] });
  stand = await openVaultStand(database.urlFor('audit'), temporaryFolder('vault'));
  security = stand.token({ role: 'security' });
});
afterEach(async () => {
  await stand.close();
  await database.close();
});

const both = (nth: number, more: object = {}) =>
  stand.seal([
    { request_id: requestId(nth), direction: 'request', body: PROMPT, ...more },
    { request_id: requestId(nth), direction: 'response', body: ANSWER, ...more },
  ]);

async function reveal(
  nth: number,
  token = security,
): Promise<{ status: number; bodies: string[]; code: unknown }> {
  const asked = await stand.call('POST', '/v1/payloads/reveals', token, {
    request_id: requestId(nth),
    reason: 'case 7',
  });
  if (asked.status !== 201) return { status: asked.status, bodies: [], code: asked.json['code'] };
  const { status, json } = await stand.call(
    'GET',
    `/v1/payloads/reveals/${asked.json['reveal_id']}/content`,
    token,
  );
  const payloads = (json['payloads'] ?? []) as { body: string }[];
  return {
    status,
    bodies: payloads.map(({ body }) => Buffer.from(body, 'base64').toString()),
    code: json['code'],
  };
}

const erase = (scope: object, more: object = {}) =>
  stand.call('POST', '/v1/payloads/erasures', security, { scope, reason: 'asked by the person', ...more });
const hold = (scope: object) =>
  stand.call('POST', '/v1/payloads/holds', security, { scope, reason: 'case 7' });

describe('a payload', () => {
  test('comes back as it was sealed, to whoever gives a reason, and each step is in the audit trail', async () => {
    expect(await stand.send(both(1))).toBe(200);
    expect(await reveal(1)).toEqual({ status: 200, bodies: [PROMPT, ANSWER], code: undefined });
    expect(await stand.actions()).toEqual(['payload-reveal.ask done case 7', 'payload.reveal done case 7']);
    const unopened = await stand.call('GET', `/v1/requests/${requestId(1)}/payloads`, security);
    expect(unopened.json['payloads']).toMatchObject([
      { direction: 'request', state: 'kept', body_bytes: PROMPT.length, truncated: false, held: false },
      { direction: 'response', state: 'kept', body_bytes: ANSWER.length },
    ]);
  });

  test('is stored once, however often and in whatever batch it arrives', async () => {
    const batch = both(1);
    expect([await stand.send(batch), await stand.send(batch)]).toEqual([200, 200]);
    expect(await stand.send(both(1, { content_type: 'text/other' }))).toBe(200);
    const { rows } = await stand.pool.query('SELECT content_type FROM vault_payload');
    expect(rows).toEqual([{ content_type: 'application/json' }, { content_type: 'application/json' }]);
    expect(readdirSync(path.join(stand.folder, 'bodies'))).toHaveLength(1);
    expect((await reveal(1)).bodies).toEqual([PROMPT, ANSWER]);
  });

  test('whose arrival was cut off is completed by the same batch, wherever that was', async () => {
    const batch = both(1);
    await stand.send(batch);
    const files = () => readFileSync(path.join(stand.folder, 'payload-keys', '000000.keys'));
    const keys = files();
    // As if the process had been killed before keys and bodies were written.
    await owner("UPDATE audit.vault_payload SET state = 'arriving'");
    const slots = keys.map(() => 0);
    await stand.vault.payloadKeys.wipe([0, 1]);
    expect(files()).toEqual(Buffer.from(slots));
    expect((await reveal(1)).status).toBe(410);
    expect(await stand.send(batch)).toBe(200);
    expect((await reveal(1)).bodies).toEqual([PROMPT, ANSWER]);
  });

  test('is not opened by a gateway’s token, nor handed in with another', async () => {
    const gateway = stand.token({ id: 'gateway', scopes: ['payloads:store'] });
    await stand.send(both(1));
    expect((await reveal(1, gateway)).status).toBe(403);
    expect((await reveal(1, stand.token({ id: 'p', role: 'platform' }))).status).toBe(403);
    const other = stand.token({ id: 's', role: 'security', organisationId: 'org_2' });
    expect((await reveal(1, other)).status).toBe(404);
  });

  test('that was tampered with, or is sealed to a key that is not here, is refused with a code', async () => {
    const batch = both(1);
    batch.writeUInt8(batch.readUInt8(60) ^ 1, 60);
    expect(await stand.send(batch)).toBe(400);
    const unknown = both(1);
    unknown.fill(0, 8, 16);
    expect(await stand.send(unknown)).toBe(422);
    expect(await stand.send(Buffer.from('nothing'))).toBe(400);
    expect((await stand.pool.query('SELECT FROM vault_payload')).rowCount).toBe(0);
  });
});

async function owner(statement: string): Promise<void> {
  const { openPool } = await import('@tollgate/database');
  const pool = openPool({ url: database.ownerUrl, applicationName: 'vault-test-owner', maxConnections: 1 });
  await pool.query(`ALTER TABLE audit.vault_payload DISABLE TRIGGER USER`);
  await pool.query(statement);
  await pool.query(`ALTER TABLE audit.vault_payload ENABLE TRIGGER USER`);
  await pool.end();
}

describe('an erasure', () => {
  test.each([
    ['of a request', { request_id: requestId(1) }, [1]],
    ['of a person', { user: 'ann' }, [1, 2]],
    ['of an end user', { end_user: 'customer 9' }, [3]],
    ['of a team', { team: 'team_1' }, [1, 2, 3]],
  ])('%s leaves nothing of it, and everything else', async (_, scope, gone) => {
    await stand.send(both(1, { principal_id: 'ann' }));
    await stand.send(both(2, { principal_id: 'ann' }));
    await stand.send(both(3, { end_user: 'customer 9' }));
    await stand.send(both(4, { team_id: 'team_2' }));
    const { status, json } = await erase(scope);
    expect([status, json['payloads']]).toEqual([200, gone.length * 2]);
    for (const nth of [1, 2, 3, 4]) {
      const found = await reveal(nth);
      if (gone.includes(nth)) expect(found).toMatchObject({ status: 410, code: 'payload_erased' });
      else expect(found.bodies).toEqual([PROMPT, ANSWER]);
    }
  });

  test('needs somebody whose payloads they are', async () => {
    expect((await erase({ organisation: 'org_1' })).status).toBe(422);
    expect((await erase({ nothing: 1 })).status).toBe(400);
  });

  test('holds for payloads that were asked for before it and arrive after it, and for no later ones', async () => {
    await erase({ team: 'team_1' });
    await erase({ request_id: requestId(5) });
    await stand.send(both(1));
    await stand.send(both(5, { team_id: 'team_2' }));
    await stand.send(both(2, { requested_at: new Date(stand.nowMs + 1000).toISOString() }));
    expect([(await reveal(1)).status, (await reveal(5)).status]).toEqual([404, 404]);
    expect((await reveal(2)).bodies).toEqual([PROMPT, ANSWER]);
  });

  test('is not undone by the same batch, sent again', async () => {
    const batch = both(1);
    await stand.send(batch);
    await erase({ request_id: requestId(1) });
    expect(await stand.send(batch)).toBe(200);
    expect((await reveal(1)).status).toBe(410);
  });

  test('is refused with a code while a hold keeps any of it, and then nothing is erased', async () => {
    await stand.send(both(1));
    await stand.send(both(2));
    const held = await hold({ request_id: requestId(1) });
    expect(held.status).toBe(201);
    const refused = await erase({ team: 'team_1' });
    expect([refused.status, refused.json['code']]).toEqual([409, 'legal_hold']);
    expect((await reveal(2)).bodies).toEqual([PROMPT, ANSWER]);
    expect(await stand.actions()).toContain('payload.erase refused asked by the person');
    const id = held.json['hold_id'];
    const release = await stand.call('POST', `/v1/payloads/holds/${id}/release`, security, {
      reason: 'closed',
    });
    expect(release.status).toBe(200);
    const again = await stand.call('POST', `/v1/payloads/holds/${id}/release`, security, {
      reason: 'closed',
    });
    expect(again.json['code']).toBe('hold_released');
    expect((await erase({ team: 'team_1' })).status).toBe(200);
    expect((await reveal(1)).status).toBe(410);
  });

  test('reaches no other organisation than the token does', async () => {
    await stand.send(both(1));
    security = stand.token({ id: 's2', role: 'security', organisationId: 'org_2' });
    expect((await erase({ organisation: 'org_1', team: 'team_1' })).status).toBe(403);
    expect((await erase({ team: 'team_1' })).json['payloads']).toBe(0);
  });

  test('is not possible for the service’s own role, nor can it be taken back', async () => {
    await stand.send(both(1));
    await expect(stand.pool.query("UPDATE vault_payload SET state = 'erased'")).rejects.toThrow(
      'audit_vault_eraser',
    );
    await expect(stand.pool.query('DELETE FROM vault_payload')).rejects.toThrow('permission denied');
    await erase({ request_id: requestId(1) });
    await expect(stand.pool.query("UPDATE vault_payload SET state = 'kept'")).rejects.toThrow(
      'can not come back',
    );
  });
});

describe('a hold', () => {
  test('on a period keeps what lies within it, and what is still to come', async () => {
    const day = (nth: number) => new Date(stand.nowMs - nth * DAY_MS).toISOString();
    await stand.send(both(1, { requested_at: day(3) }));
    await hold({ from: day(4), to: day(2) });
    expect((await erase({ request_id: requestId(1) })).status).toBe(409);
    await stand.send(both(2, { requested_at: day(1) }));
    expect((await erase({ request_id: requestId(2) })).status).toBe(200);
  });
});

describe('retention', () => {
  test('erases what may not be kept any longer, but for what a hold keeps, until that is released', async () => {
    const retain_until = new Date(stand.nowMs + DAY_MS).toISOString();
    await stand.send(both(1, { retain_until }));
    await stand.send(both(2, { retain_until, principal_id: 'held' }));
    await stand.send(both(3));
    const held = await hold({ user: 'held' });
    expect(await expire(stand.vault)).toBe(0);
    stand.nowMs += 2 * DAY_MS;
    expect(await expire(stand.vault)).toBe(2);
    expect([(await reveal(1)).status, (await reveal(2)).status, (await reveal(3)).status]).toEqual([
      410, 200, 200,
    ]);
    await stand.call('POST', `/v1/payloads/holds/${held.json['hold_id']}/release`, security, {
      reason: 'closed',
    });
    expect(await expire(stand.vault)).toBe(2);
    expect((await reveal(2)).status).toBe(410);
    expect(await stand.actions()).toContain('payload.expire done retain_until has passed');
    stand.nowMs += 365 * DAY_MS;
    expect(await expire(stand.vault)).toBe(2);
  });
});

describe('where reveals need approval', () => {
  test('nobody reads before somebody else has approved, and the approver reads nothing', async () => {
    await stand.send(both(1));
    await stand.close();
    stand = await openVaultStand(database.urlFor('audit'), stand.folder, { revealNeedsApproval: true });
    const ann = stand.token({ id: 'ann', role: 'security' });
    const again = stand.token({ id: 'ann', role: 'security' });
    const bob = stand.token({ id: 'bob', role: 'security' });
    const asked = await stand.call('POST', '/v1/payloads/reveals', ann, {
      request_id: requestId(1),
      reason: 'case 7',
    });
    const id = asked.json['reveal_id'];
    const read = (token: string) => stand.call('GET', `/v1/payloads/reveals/${id}/content`, token);
    const approve = (token: string) => stand.call('POST', `/v1/payloads/reveals/${id}/approval`, token);
    expect((await read(ann)).json['code']).toBe('needs_approval');
    // The same person, with another token.
    expect((await approve(again)).json['code']).toBe('approver_not_allowed');
    expect((await approve(bob)).status).toBe(200);
    expect((await approve(bob)).json['code']).toBe('reveal_settled');
    expect((await read(bob)).json['code']).toBe('approver_not_allowed');
    expect((await read(ann)).status).toBe(200);
    stand.nowMs += DAY_MS;
    expect((await read(ann)).json['code']).toBe('reveal_settled');
    expect(await stand.actions()).toEqual([
      'payload-reveal.ask done case 7',
      'payload-reveal.approve refused case 7',
      'payload-reveal.approve done case 7',
      'payload.reveal done case 7',
    ]);
  });
});

describe('rotating keys', () => {
  const bodyFiles = () =>
    readdirSync(path.join(stand.folder, 'bodies'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => readFileSync(path.join(entry.parentPath, entry.name)).toString('hex'));

  test('wraps anew, leaves every payload as it is, and opens all of them; the old master key opens nothing', async () => {
    await stand.send(both(1));
    const sealedBefore = both(2);
    const masterFile = path.join(stand.folder, 'master.key');
    const payloadKeys = path.join(stand.folder, 'payload-keys', '000000.keys');
    const teamDayKeys = path.join(stand.folder, 'team-day-keys', '000000.keys');
    const before = {
      master: readFileSync(masterFile, 'utf8'),
      keys: readFileSync(payloadKeys),
      days: readFileSync(teamDayKeys),
    };
    const bodies = bodyFiles();
    const platform = stand.token({ id: 'p', role: 'platform' });
    const rotated = await stand.call('POST', '/v1/payloads/key-rotations', platform, { reason: 'yearly' });
    expect([rotated.status, rotated.json]).toEqual([200, { rewrapped: 1, old_keys_destroyed: true }]);
    expect(readFileSync(masterFile, 'utf8')).not.toContain(before.master.trim());
    expect(readFileSync(payloadKeys)).toEqual(before.keys);
    expect(readFileSync(teamDayKeys)).not.toEqual(before.days);
    expect(bodyFiles()).toEqual(bodies);
    // A gateway that had sealed to the key before, and a process that knows nothing of the one before.
    expect(await stand.send(sealedBefore)).toBe(200);
    await stand.close();
    stand = await openVaultStand(database.urlFor('audit'), stand.folder);
    security = stand.token({ role: 'security' });
    expect((await reveal(1)).bodies).toEqual([PROMPT, ANSWER]);
    expect((await reveal(2)).bodies).toEqual([PROMPT, ANSWER]);
  });

  test('a vault whose master key is lost does not make another one', async () => {
    await stand.send(both(1));
    const missing = path.join(stand.folder, 'other.key');
    await expect(
      openVaultStand(database.urlFor('audit'), stand.folder, { masterKey: { file: missing } }),
    ).rejects.toThrow('restore it from a backup');
    expect(readdirSync(stand.folder)).not.toContain('other.key');
  });
});
