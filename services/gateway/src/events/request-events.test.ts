import { type EventDraft, parseEvent, serializeEvent } from '@tollgate/events';
import type { Finding } from '@tollgate/policy';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Caller } from '../callers/caller.ts';
import type { Clock } from '../clock.ts';
import { testCaller, testPolicy } from '../testing/gateway-under-test.ts';
import { AttributionTexts, attributionOf } from './attribution-text.ts';
import { IdSource } from './ids.ts';
import { InstantWriter } from './instants.ts';
import { RequestEvents } from './request-events.ts';

const SOURCE = '/gateways/test/epoch-1';
const SEQUENCE = '0000000000000000007';
const REQUESTED_AT = Date.parse('2026-03-01T09:30:00.123Z');
const NOW = Date.parse('2026-03-01T09:30:01.456Z');
const REQUEST_ID = '01900000-0000-7000-8000-000000000000';

const clock: Clock = { now: () => NOW, monotonic: () => 0 };
const policy = testPolicy({ baseUrl: 'http://127.0.0.1:1' });
const target = policy.routeFor('databricks-meta-llama-3-3-70b-instruct')?.choose(0) ?? null;

function writer(): RequestEvents {
  return new RequestEvents(SOURCE, clock, new IdSource(clock), new InstantWriter());
}

/** Texts that break careless templates: quotes, controls, astral and lone surrogates, JSON within. */
const hostile = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({ unit: 'grapheme' }),
  fc.constantFrom(
    '"',
    '\\',
    '\\"',
    '","outcome":"allowed',
    '\u0000\n\r\t',
    '\u2028',
    '\ud800',
    '}}',
    '\u007f',
  ),
);

/** The same event made from an object by packages/events, with the id that the template drew. */
function asObject(draft: EventDraft, json: string): string {
  const id = /"id":"([0-9a-f-]{36})"/.exec(json)?.[1] ?? '';
  return serializeEvent({ ...draft, id }, SOURCE, 7).toString('utf8');
}

function parses(json: string): string {
  const parsed = parseEvent(Buffer.from(json));
  return parsed.kind === 'event' ? parsed.event.type : JSON.stringify(parsed);
}

function context(caller: Caller, model: string | null, clientRequestId: string | null, days: number | null) {
  const known = model === null ? null : target;
  return {
    text: writer().context(
      new AttributionTexts().text(caller, policy, model, known),
      REQUESTED_AT,
      clientRequestId,
      days,
    ),
    data: {
      attribution: attributionOf(caller, policy, model, known),
      requested_at: '2026-03-01T09:30:00.123Z',
      client_request_id: clientRequestId,
      retain_until: days === null ? null : new Date(REQUESTED_AT + days * 86_400_000).toISOString(),
    },
  };
}

const arbitraryContext = fc
  .record({
    model: fc.option(hostile.map((text) => text.slice(0, 256))),
    clientRequestId: fc.option(hostile.map((text) => text.slice(0, 128))),
    days: fc.option(fc.integer({ min: 1, max: 3650 })),
    tag: hostile.map((text) => text.slice(0, 64)),
    traceparent: fc.constantFrom(null, `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`),
  })
  .map(({ model, clientRequestId, days, tag, traceparent }) => ({
    traceparent,
    ...context(
      { ...testCaller, projectId: tag === '' ? null : tag, tags: { [tag]: tag } },
      model,
      clientRequestId,
      days,
    ),
  }));

const envelope = (traceparent: string | null) => ({
  id: '',
  subject: REQUEST_ID,
  time: '2026-03-01T09:30:01.456Z',
  ...(traceparent === null ? {} : { traceparent }),
});

const payloadStatement = fc.record({
  direction: fc.constantFrom('request' as const, 'response' as const),
  body_bytes: fc.nat(),
  kept_bytes: fc.nat(),
  digest: fc.option(fc.constant('0f'.repeat(32))),
});

describe('the templates of request events', () => {
  test('a request is the event that its object would be, whatever its strings hold', () => {
    fc.assert(
      fc.property(arbitraryContext, fc.option(hostile), fc.boolean(), (c, user, stream) => {
        const members = {
          endpoint: 'chat.completions' as const,
          stream,
          body_bytes: 12,
          input_count: stream ? null : 2,
          max_output_tokens: stream ? 99 : null,
          end_user: user === null ? null : user.slice(0, 256),
          client_prefix: '10.1.2.0/24',
        };
        const subject = { requestId: REQUEST_ID, traceparent: c.traceparent, context: c.text };
        const json = writer().request(subject, SEQUENCE, members);
        expect(json).toBe(
          asObject(
            { ...envelope(c.traceparent), type: 'tollgate.request.v1', data: { ...c.data, ...members } },
            json,
          ),
        );
        expect(parses(json)).toBe('tollgate.request.v1');
      }),
    );
  });

  test('a decision is the event that its object would be', () => {
    const finding = fc.record({
      policy: hostile.map((text) => text.slice(0, 64)),
      rule: hostile.map((text) => text.slice(0, 128)),
      action: fc.constantFrom<Finding['action'][]>('allow', 'flag', 'redact', 'block'),
      count: fc.nat(),
    });
    fc.assert(
      fc.property(
        arbitraryContext,
        fc.array(finding, { maxLength: 3 }),
        fc.option(hostile),
        fc.array(fc.uuid(), { maxLength: 3 }),
        (c, findings, code, leaseIds) => {
          const members = {
            outcome: code === null ? ('allowed' as const) : ('denied' as const),
            code: code === null ? null : code.slice(0, 64),
            findings,
          };
          const subject = { requestId: REQUEST_ID, traceparent: c.traceparent, context: c.text };
          const json = writer().decision(subject, SEQUENCE, { ...members, leaseIds });
          const data = { ...c.data, phase: 'request' as const, ...members, lease_ids: leaseIds };
          expect(json).toBe(
            asObject({ ...envelope(c.traceparent), type: 'tollgate.decision.v1', data }, json),
          );
          expect(parses(json)).toBe('tollgate.decision.v1');
        },
      ),
    );
  });

  test('a usage is the event that its object would be', () => {
    fc.assert(
      fc.property(
        arbitraryContext,
        fc.nat(),
        fc.option(fc.integer({ min: 100, max: 599 })),
        fc.array(fc.uuid(), { maxLength: 3 }),
        fc.array(payloadStatement, { maxLength: 2 }),
        (c, n, status, leaseIds, payloads) => {
          const members = {
            attempt: 1,
            final: true,
            outcome: 'completed' as const,
            fidelity: 'provider' as const,
            quantities: {
              input_tokens: n,
              output_tokens: n,
              cached_input_tokens: 0,
              cache_creation_tokens: 1,
              reasoning_tokens: 2,
            },
            upstream_status: status,
            status,
            stream: true,
            output_bytes: n,
            duration_us: n,
            first_byte_us: status === null ? null : n,
          };
          const subject = { requestId: REQUEST_ID, traceparent: c.traceparent, context: c.text };
          const json = writer().usage(subject, SEQUENCE, { ...members, leaseIds, payloads });
          const data = {
            ...c.data,
            ...members,
            finished_at: '2026-03-01T09:30:01.456Z',
            lease_ids: leaseIds,
            ...(payloads.length === 0 ? {} : { payloads }),
          };
          expect(json).toBe(asObject({ ...envelope(c.traceparent), type: 'tollgate.usage.v1', data }, json));
          expect(parses(json)).toBe('tollgate.usage.v1');
        },
      ),
    );
  });

  test('an attribution is written once per key and target, and anew when the policy changes', () => {
    const texts = new AttributionTexts();
    const model = 'databricks-meta-llama-3-3-70b-instruct';
    const first = texts.text(testCaller, policy, model, target);
    expect(texts.text(testCaller, policy, model, target)).toBe(first);
    const next = { ...policy, version: { ...policy.version, version: '2.0.0' } };
    expect(texts.text(testCaller, next, model, target)).toContain('"version":"2.0.0"');
    expect(texts.text(testCaller, policy, 'another-name', target)).toContain(
      '"requested_model":"another-name"',
    );
  });
});
