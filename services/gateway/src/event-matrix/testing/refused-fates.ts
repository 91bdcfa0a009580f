import { expect } from 'vitest';
import { TEST_KEY, testChain, testOptions } from '../../testing/gateway-under-test.ts';
import {
  body,
  CHAT,
  decision,
  type FateCase,
  only,
  post,
  postAndLeave,
  refusal,
  requestIds,
  settled,
  start,
  under,
  until,
  upstream,
  usage,
} from './fates.ts';

/** Requests that never reach the upstream. */
export const REFUSED: readonly FateCase[] = [
  {
    name: 'a rule denies',
    fate: 'denied',
    run: async () => {
      const finding = { policy: 'rbac', rule: 'model-not-allowed', action: 'block', count: 1 } as const;
      const rbac = { roles: { analyst: { allowed_models: ['another'] } } };
      await start({ policy: { chain: testChain({ chain: ['rbac'] }, { rbac }, ['analyst']) } });
      expect(await refusal(await post(body()))).toEqual({ status: 403, code: 'model_not_allowed' });
      expect(decision()).toMatchObject({ code: 'model_not_allowed', findings: [finding] });
      expect(upstream.stats().requests).toBe(0);
    },
  },
  {
    name: 'a broken body is rejected',
    fate: 'rejected',
    run: async () => {
      await start();
      expect(await refusal(await post('{"model":'))).toEqual({ status: 400, code: 'invalid_json' });
      expect(decision()).toMatchObject({ code: 'invalid_json', attribution: { requested_model: null } });
    },
  },
  {
    name: 'a body without messages is rejected',
    fate: 'rejected',
    run: async () => {
      await start();
      expect(await refusal(await post(JSON.stringify({ model: CHAT })))).toEqual({
        status: 400,
        code: 'invalid_body',
      });
      expect(decision()).toMatchObject({ attribution: { requested_model: CHAT } });
    },
  },
  {
    name: 'an unknown model is rejected',
    fate: 'rejected',
    run: async () => {
      await start();
      expect(await refusal(await post(body({ model: 'no "such" model' })))).toEqual({
        status: 404,
        code: 'model_not_found',
      });
      expect(decision()).toMatchObject({
        attribution: { requested_model: 'no "such" model', target_id: null },
      });
    },
  },
  {
    name: 'a model of another kind is rejected',
    fate: 'rejected',
    run: async () => {
      await start({ target: { task: 'embeddings' } });
      expect(await refusal(await post(body()))).toEqual({ status: 400, code: 'model_not_for_endpoint' });
    },
  },
  {
    name: 'an oversized body is rejected',
    fate: 'rejected',
    run: async () => {
      await start();
      const content = body({ padding: 'x'.repeat(testOptions.maxBodyBytes) });
      expect(await refusal(await post(content))).toEqual({ status: 413, code: 'body_too_large' });
      expect(only()[0]?.data).toMatchObject({ body_bytes: content.length });
    },
  },
  {
    name: 'nothing is sent when the events are not safe',
    fate: 'allowed-without-attempt',
    run: async () => {
      await start();
      under.spool.failure = new Error('disk gone');
      const response = await post(body());
      expect(response.headers.get('retry-after')).toBe('2');
      expect(await refusal(response)).toEqual({ status: 503, code: 'audit_unavailable' });
      expect(usage()).toMatchObject({ attempt: 0, fidelity: 'counted', upstream_status: null, status: 503 });
      expect(upstream.stats().requests).toBe(0);
    },
  },
  {
    name: 'nothing is sent when the events do not become safe in time',
    fate: 'allowed-without-attempt',
    run: async () => {
      await start();
      under.spool.stuck = true;
      const response = post(body());
      await until(() => under.gateway.inFlight() === 1);
      under.clock.aheadMs = testOptions.limits.recordTimeoutMs + 1;
      under.gateway.sweep();
      expect(await refusal(await response)).toEqual({ status: 503, code: 'audit_unavailable' });
      under.spool.unstick();
      expect(upstream.stats().requests).toBe(0);
    },
  },
  {
    name: 'a caller that leaves before the call is not called for',
    fate: 'allowed-without-attempt',
    run: async () => {
      await start();
      under.spool.stuck = true;
      await postAndLeave(body(), () => under.gateway.inFlight() === 1);
      await until(() => under.gateway.connections() === 0);
      under.spool.unstick();
      await settled('allowed-without-attempt');
      expect(usage()).toMatchObject({ status: null, attempt: 0 });
      expect(upstream.stats().requests).toBe(0);
    },
  },
  ...(['missing', 'invalid', 'expired'] as const).map((kind) => ({
    name: `a ${kind} key is counted and not recorded`,
    fate: 'unauthenticated' as const,
    run: async () => {
      await start();
      const authorization = { missing: '', invalid: 'Bearer other', expired: `Bearer ${TEST_KEY}-expired` }[
        kind
      ];
      const headers = authorization === '' ? {} : { authorization };
      for (let i = 0; i < 3; i += 1) {
        const response = await fetch(`${under.url}/v1/chat/completions`, {
          method: 'POST',
          headers,
          body: body(),
        });
        expect(await refusal(response)).toEqual({ status: 401, code: `${kind}_api_key` });
        expect(response.headers.get('www-authenticate')).toBe('Bearer');
      }
      expect(requestIds()).toEqual([]);
      await under.gateway.close(1_000);
      const counted = under.spool
        .events()
        .flatMap((e) => (e.type === 'tollgate.rejections.v1' ? [e.data] : []));
      expect(counted).toMatchObject([
        { counts: [{ client_prefix: '127.0.0.0/24', code: `${kind}_api_key`, count: 3 }], other: 0 },
      ]);
    },
  })),
];
