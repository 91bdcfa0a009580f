import { describe, expect, test } from 'vitest';
import { CHAT_MODEL, EMBEDDING_MODEL, EMBEDDINGS, workspaceUnderTest } from './workspace-under-test.ts';

describe('a script of faults', () => {
  test('strikes as often as told, then no more', async () => {
    const { chat } = await workspaceUnderTest({ faults: [{ fault: 'rate-limit', times: 2 }] });
    const statuses = [];
    for (let each = 0; each < 4; each += 1) statuses.push((await chat()).status);
    expect(statuses).toEqual([429, 429, 200, 200]);
  });

  test('strikes every n-th request, and the next rule decides on the others', async () => {
    const { chat, workspace } = await workspaceUnderTest();
    workspace.addFault({ fault: 'unavailable', every: 3 });
    workspace.addFault({ fault: 'internal-error', times: 1 });
    const statuses = [];
    for (let each = 0; each < 6; each += 1) statuses.push((await chat()).status);
    expect(statuses).toEqual([500, 200, 503, 200, 200, 503]);
    workspace.clearFaults();
    expect((await chat()).status).toBe(200);
  });

  test('strikes only what matches in every member', async () => {
    const { chat, send, workspace } = await workspaceUnderTest();
    const struck = async (members = {}): Promise<boolean> => (await chat(members)).status !== 200;
    workspace.addFault({ fault: 'unavailable', match: { model: CHAT_MODEL, stream: true } });
    expect([await struck(), await struck({ stream: true })]).toEqual([false, true]);
    workspace.clearFaults();
    workspace.addFault({ fault: 'unavailable', match: { clientRequestIdPrefix: 'r1.' } });
    expect([
      await struck(),
      await struck({ client_request_id: 'r1.2' }),
      await struck({ client_request_id: 'r2.1' }),
    ]).toEqual([false, true, false]);
    workspace.clearFaults();
    workspace.addFault({ fault: 'unavailable', match: { task: 'embeddings' } });
    expect(await struck()).toBe(false);
    expect((await send('POST', EMBEDDINGS, { model: EMBEDDING_MODEL, input: 'a' })).status).toBe(503);
  });

  test('is written, read and cleared from another process', async () => {
    const { chat, send } = await workspaceUnderTest();
    const { status, text } = await send('POST', '/simulation/faults', {
      fault: 'rate-limit',
      times: 2,
      match: { task: 'chat' },
    });
    expect(status).toBe(200);
    expect(JSON.parse(text)).toEqual({
      faults: [{ fault: 'rate-limit', times: 2, match: { task: 'chat' } }],
    });
    expect((await chat()).status).toBe(429);
    expect(JSON.parse((await send('GET', '/simulation/faults')).text).faults[0].times).toBe(1);
    expect((await send('DELETE', '/simulation/faults')).status).toBe(200);
    expect((await chat()).status).toBe(200);
  });

  test('is refused where it makes no sense', async () => {
    const { send, workspace } = await workspaceUnderTest();
    expect(() => workspace.addFault({ fault: 'flood' })).toThrowError(
      expect.objectContaining({ code: 'unknown-fault' }),
    );
    expect(() => workspace.addFault({ fault: 'latency', times: 0 })).toThrowError(
      expect.objectContaining({ code: 'bad-option' }),
    );
    for (const rule of [
      {},
      { fault: 'flood' },
      { fault: 'latency', time: 1 },
      { fault: 'latency', match: { user: 'x' } },
    ]) {
      expect((await send('POST', '/simulation/faults', rule)).status).toBe(400);
    }
  });
});
