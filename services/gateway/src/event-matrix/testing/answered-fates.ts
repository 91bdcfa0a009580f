import { expect } from 'vitest';
import { testChain } from '../../testing/gateway-under-test.ts';
import { body, type FateCase, only, post, refusal, start, upstream, usage } from './fates.ts';

/** Requests that the upstream answers. */
export const ANSWERED: readonly FateCase[] = [
  {
    name: 'an answer is accounted for as the upstream counted it',
    fate: 'answered',
    run: async () => {
      await start();
      const response = await post(body(), { 'x-request-id': 'mine-1' });
      expect(response.status).toBe(200);
      expect(await response.json()).toMatchObject({ usage: { prompt_tokens: 3, completion_tokens: 5 } });
      expect(only()[0]?.subject).toBe(response.headers.get('x-request-id'));
      expect(usage()).toMatchObject({
        fidelity: 'provider',
        quantities: { input_tokens: 3, output_tokens: 5 },
        client_request_id: 'mine-1',
        attempt: 1,
        status: 200,
        upstream_status: 200,
      });
    },
  },
  {
    name: 'a stream is accounted for before its end goes out',
    fate: 'answered',
    run: async () => {
      await start();
      const text = await (await post(body({ stream: true }))).text();
      expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
      expect(text).not.toContain('"prompt_tokens"');
      expect(usage()).toMatchObject({
        fidelity: 'provider',
        stream: true,
        quantities: { input_tokens: 3, output_tokens: 5 },
      });
    },
  },
  {
    name: 'an answer without usage is estimated, and says so',
    fate: 'answered',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'missing-usage' });
      expect((await post(body())).status).toBe(200);
      expect(usage()).toMatchObject({ fidelity: 'estimated', quantities: { input_tokens: 4 } });
      expect(usage()?.quantities.output_tokens).toBeGreaterThan(5);
    },
  },
  {
    name: 'an answer in which something was found is told of',
    fate: 'answered-with-findings',
    run: async () => {
      const filter = { apply_to: ['output'], patterns: [{ name: 'word', regex: '[a-z]+', action: 'flag' }] };
      await start({ policy: { chain: testChain({ chain: ['dlp-filter'] }, { 'dlp-filter': filter }) } });
      expect((await post(body())).status).toBe(200);
    },
  },
  {
    name: 'an answer that is blocked is charged, and not given',
    fate: 'blocked',
    run: async () => {
      const filter = { apply_to: ['output'], patterns: [{ name: 'word', regex: '[a-z]+', action: 'block' }] };
      await start({ policy: { chain: testChain({ chain: ['dlp-filter'] }, { 'dlp-filter': filter }) } });
      expect(await refusal(await post(body()))).toEqual({ status: 400, code: 'output_blocked' });
      expect(usage()).toMatchObject({
        outcome: 'failed',
        fidelity: 'provider',
        quantities: { output_tokens: 5 },
      });
    },
  },
];
