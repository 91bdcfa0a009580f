import { expect } from 'vitest';
import { testOptions } from '../../testing/gateway-under-test.ts';
import {
  body,
  type FateCase,
  post,
  postAndLeave,
  refusal,
  settled,
  start,
  UNREACHABLE,
  under,
  until,
  upstream,
  usage,
} from './fates.ts';

/** Requests whose answer does not come to its end. */
export const BROKEN: readonly FateCase[] = [
  {
    name: 'a caller that leaves ends the upstream call',
    fate: 'aborted',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'no-answer' });
      await postAndLeave(body(), () => upstream.stats().inFlight === 1);
      await settled('aborted');
      expect(usage()).toMatchObject({
        fidelity: 'partial',
        quantities: { input_tokens: 4, output_tokens: 0 },
        status: null,
      });
      await until(() => upstream.stats().inFlight === 0);
    },
  },
  {
    name: 'a caller that leaves a stream is charged for what was produced',
    fate: 'aborted',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'slow-chunks;ms=20;words=1' });
      await postAndLeave(body({ stream: true, max_tokens: 10_000 }), () => true, true);
      await settled('aborted');
      expect(usage()).toMatchObject({ fidelity: 'partial', status: 200, quantities: { input_tokens: 4 } });
      expect(usage()?.quantities.output_tokens).toBeGreaterThan(0);
      await until(() => upstream.stats().aborted === 1);
    },
  },
  {
    name: 'an upstream that is not there fails',
    fate: 'failed',
    run: async () => {
      await start({ baseUrl: UNREACHABLE });
      expect(await refusal(await post(body()))).toEqual({ status: 502, code: 'upstream_unreachable' });
      expect(usage()).toMatchObject({ fidelity: 'counted', upstream_status: null, status: 502 });
    },
  },
  {
    name: 'an upstream that hangs up fails',
    fate: 'failed',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'reset-before-answer' });
      expect(await refusal(await post(body()))).toEqual({ status: 502, code: 'upstream_broke' });
      expect(usage()).toMatchObject({
        fidelity: 'partial',
        quantities: { input_tokens: 4, output_tokens: 0 },
      });
    },
  },
  {
    name: 'an answer that is cut short fails',
    fate: 'failed',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'reset-mid-answer' });
      expect(await refusal(await post(body()))).toEqual({ status: 502, code: 'upstream_broke' });
    },
  },
  {
    name: 'a stream that is cut short ends with an error event and without its end',
    fate: 'failed',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'close-mid-answer' });
      const text = await (await post(body({ stream: true, max_tokens: 100 }))).text();
      expect(text).toMatch(/data: \{"error":\{.*"code":"upstream_broke"\}\}\n\n$/);
      expect(text).not.toContain('[DONE]');
      expect(usage()).toMatchObject({ fidelity: 'partial', status: 200 });
      expect(usage()?.quantities.output_tokens).toBeGreaterThan(0);
    },
  },
  {
    name: "an upstream's error within a stream becomes ours",
    fate: 'failed',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'error-mid-stream' });
      const text = await (await post(body({ stream: true, max_tokens: 100 }))).text();
      expect(text).toMatch(
        /data: \{"error":\{"message":"[^"]+","type":"[^"]+","param":null,"code":"[^"]+"\}\}\n\n$/,
      );
      expect(text).not.toContain('[DONE]');
    },
  },
  {
    name: 'an answer that is no JSON fails',
    fate: 'failed',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'missing-usage, malformed-json' });
      expect(await refusal(await post(body()))).toEqual({ status: 502, code: 'upstream_unexpected' });
    },
  },
  {
    name: 'a rate limit is passed on with when to come back',
    fate: 'failed',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'rate-limit;retry_after_s=7' });
      const response = await post(body());
      expect(response.headers.get('retry-after')).toBe('7');
      expect(await refusal(response)).toEqual({ status: 429, code: 'upstream_rate_limit' });
      expect(usage()).toMatchObject({
        upstream_status: 429,
        status: 429,
        fidelity: 'counted',
        quantities: { input_tokens: 0 },
      });
    },
  },
  {
    name: "an error of the gateway's own credential is not the caller's",
    fate: 'failed',
    run: async () => {
      await start();
      upstream.setTokens(['another']);
      expect(await refusal(await post(body()))).toEqual({ status: 502, code: 'upstream_refused_credential' });
      expect(usage()).toMatchObject({ upstream_status: 403, status: 502 });
    },
  },
  {
    name: 'an answer beyond the cap fails',
    fate: 'failed',
    run: async () => {
      await start(
        {},
        { options: { ...testOptions, limits: { ...testOptions.limits, maxAnswerBytes: 200 } } },
      );
      expect(await refusal(await post(body({ max_tokens: 500 })))).toEqual({
        status: 502,
        code: 'upstream_answer_too_large',
      });
    },
  },
  {
    name: 'no first byte in time',
    fate: 'timed-out',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'no-answer' });
      const response = post(body());
      await until(() => upstream.stats().inFlight === 1);
      under.clock.aheadMs = testOptions.limits.firstByteTimeoutMs + 1;
      under.gateway.sweep();
      expect(await refusal(await response)).toEqual({ status: 504, code: 'upstream_timeout' });
      expect(usage()).toMatchObject({ fidelity: 'partial', quantities: { input_tokens: 4 } });
      await until(() => upstream.stats().inFlight === 0);
    },
  },
  {
    name: 'silence between chunks',
    fate: 'timed-out',
    run: async () => {
      await start();
      upstream.addFault({ fault: 'stall-mid-answer' });
      const response = await post(body({ stream: true, max_tokens: 100 }));
      const reader = response.body?.getReader();
      await reader?.read();
      under.clock.aheadMs = testOptions.limits.betweenChunksTimeoutMs + 1;
      under.gateway.sweep();
      let text = '';
      for (let part = await reader?.read(); part?.done === false; part = await reader?.read()) {
        text += Buffer.from(part.value).toString();
      }
      expect(text).toContain('"code":"upstream_timeout"');
      expect(usage()).toMatchObject({ status: 200, upstream_status: 200 });
    },
  },
  {
    name: "the target's total time",
    fate: 'timed-out',
    run: async () => {
      await start({ target: { totalTimeoutMs: 5_000 } });
      upstream.addFault({ fault: 'slow-chunks;ms=50' });
      const response = await post(body({ stream: true, max_tokens: 10_000 }));
      under.clock.aheadMs = 5_001;
      under.gateway.sweep();
      expect(await response.text()).toContain('"code":"upstream_timeout"');
    },
  },
];
