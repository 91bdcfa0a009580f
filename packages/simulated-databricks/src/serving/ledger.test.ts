import { describe, expect, test } from 'vitest';
import { Ledger } from './ledger.ts';
import { CHAT_MODEL, workspaceUnderTest } from './workspace-under-test.ts';

describe('what was served', () => {
  test('is counted in total, by model, by usage_context and by client_request_id', async () => {
    const { chat, send, workspace } = await workspaceUnderTest();
    await chat({ client_request_id: 'r1.1', usage_context: { team: 'red', cost_center: '7' } });
    await chat({ client_request_id: 'r1.2', usage_context: { team: 'red' }, stream: true });
    await chat(
      { client_request_id: 'r1.2', usage_context: { team: 'blue' } },
      { 'x-simulated-fault': 'unavailable' },
    );
    const served = (requests: number, refused = 0) =>
      expect.objectContaining({
        requests: requests + refused,
        served: requests,
        refused,
        inputTokens: 3 * requests,
        outputTokens: 10 * requests,
      });
    const stats = workspace.stats();
    expect(stats).toEqual({
      requests: 3,
      served: 2,
      refused: 1,
      aborted: 0,
      cut: 0,
      inputTokens: 6,
      outputTokens: 20,
      partialOutputTokens: 0,
      inFlight: 0,
      byModel: { [CHAT_MODEL]: served(2, 1) },
      byUsageContext: { 'team=red': served(2), 'cost_center=7': served(1), 'team=blue': served(0, 1) },
      forgottenClientRequests: 0,
    });
    expect(workspace.statsOfClientRequest('r1.2')).toEqual(served(1, 1));
    expect(workspace.statsOfClientRequest('r9')).toBeNull();
    expect(JSON.parse((await send('GET', '/simulation/stats')).text)).toEqual(stats);
    expect(JSON.parse((await send('GET', '/simulation/requests/r1.1')).text)).toEqual(served(1));
    expect((await send('DELETE', '/simulation/stats')).status).toBe(200);
    expect(workspace.stats()).toMatchObject({ requests: 0, byModel: {}, byUsageContext: {} });
  });

  test('tells a client that left from an answer that was cut, and what had been sent by then', async () => {
    const { openChat, workspace } = await workspaceUnderTest();
    const { body } = await openChat(
      { stream: true, max_tokens: 1_000, client_request_id: 'r1.1' },
      { 'x-simulated-chunk-delay-ms': '5', 'x-simulated-words-per-chunk': '2' },
    );
    body.on('error', () => {});
    await expect.poll(() => body.readableLength).toBeGreaterThan(0);
    body.destroy();
    await expect
      .poll(() => workspace.stats())
      .toMatchObject({ aborted: 1, inFlight: 0, served: 0, outputTokens: 0 });
    const { partialOutputTokens } = workspace.stats();
    expect(partialOutputTokens).toBeGreaterThanOrEqual(2);
    expect(partialOutputTokens).toBeLessThan(1_000);
    expect(workspace.statsOfClientRequest('r1.1')).toMatchObject({ aborted: 1, partialOutputTokens });
  });

  test('counts a client that left before a slow answer as aborted', async () => {
    const { openChat, workspace } = await workspaceUnderTest();
    const leaving = openChat({}, { 'x-simulated-latency-ms': '60000' }).catch((error: unknown) => error);
    await expect.poll(() => workspace.stats().inFlight).toBe(1);
    await workspace.close();
    expect(await leaving).toBeInstanceOf(Error);
    await expect
      .poll(() => workspace.stats())
      .toMatchObject({ aborted: 1, inFlight: 0, partialOutputTokens: 0 });
  });
});

describe('what is kept', () => {
  const request = {
    task: 'chat',
    endpoint: 'm',
    inputTokens: 1,
    maxTokens: null,
    stream: false,
    includeUsage: false,
    embeddingSeeds: [],
    said: null,
    rows: 0,
    base64: false,
    dimensions: null,
    clientRequestId: null,
    usageContext: null,
    directives: null,
  } as const;

  test('is bounded: the oldest client requests are forgotten, further models and contexts are counted together', () => {
    const ledger = new Ledger(2);
    for (let each = 0; each < 1_200; each += 1) {
      ledger.begin();
      const named = { endpoint: `m${each}`, clientRequestId: `r${each}`, usageContext: { team: each } };
      ledger.end({ ...request, ...named }, 'served', 1);
    }
    const { byModel, byUsageContext, forgottenClientRequests, requests } = ledger.stats();
    expect(requests).toBe(1_200);
    expect(Object.keys(byModel)).toHaveLength(201);
    expect(byModel['(other)']?.requests).toBe(1_000);
    expect(Object.keys(byUsageContext)).toHaveLength(1_001);
    expect(forgottenClientRequests).toBe(1_198);
    expect(ledger.ofClientRequest('r1197')).toBeNull();
    expect(ledger.ofClientRequest('r1199')?.requests).toBe(1);
  });
});
