import { describe, expect, test } from 'vitest';
import type { CatalogueMode } from '../file/file-schema.ts';
import { catalogOver, seedCatalog } from '../file/load-catalog.ts';
import { dayText } from '../instant.ts';
import { type Lifecycle, lifecycleOf } from './lifecycle.ts';

/** A model's lifecycle on a day, with days for instants. */
function on(day: string, model: string, mode: CatalogueMode = 'pay-per-token', catalog = seedCatalog()) {
  const { retiresMs, goneMs, deprecatedMs, ...lifecycle } = lifecycleOf(
    catalog,
    { model, mode, region: null },
    Date.parse(day),
  );
  const text = (ms: number | null) => (ms === null ? null : dayText(ms));
  return { ...lifecycle, retires: text(retiresMs), gone: text(goneMs), deprecated: text(deprecatedMs) };
}

const status = (day: string, model: string, mode?: CatalogueMode): Lifecycle['status'] =>
  on(day, model, mode).status;

describe('Gemini 3 Pro', () => {
  const MODEL = 'databricks-gemini-3-pro';

  test('is available until it is retired, redirected until June 7, and then gone', () => {
    const days = ['2026-03-25', '2026-03-26', '2026-06-06T23:59:59Z', '2026-06-07', '2026-11-01'];
    expect(days.map((day) => status(day, MODEL))).toEqual([
      'GA',
      'redirected',
      'redirected',
      'retired',
      'retired',
    ]);
  });

  test('is told of 90 days ahead, with both dates', () => {
    expect(on('2025-12-25', MODEL).notice).toBe(false);
    expect(on('2025-12-26', MODEL)).toMatchObject({
      notice: true,
      retires: '2026-03-26',
      gone: '2026-06-07',
      deprecated: '2025-12-26',
    });
  });

  test('keeps its dates while it is redirected to what no source names, and when it is gone', () => {
    const dates = { retires: '2026-03-26', gone: '2026-06-07', redirectTo: null, notice: true };
    expect(on('2026-05-01', MODEL)).toMatchObject({ status: 'redirected', ...dates });
    expect(on('2027-01-01', MODEL)).toMatchObject({ status: 'retired', ...dates });
  });
});

describe('Llama 3.1 405B', () => {
  const MODEL = 'databricks-meta-llama-3-1-405b-instruct';

  test('ends on pay-per-token before it ends on provisioned throughput', () => {
    expect(['2026-02-14', '2026-02-15'].map((day) => status(day, MODEL))).toEqual(['GA', 'retired']);
    expect(
      ['2026-02-15', '2026-05-14', '2026-05-15'].map((day) => status(day, MODEL, 'provisioned-throughput')),
    ).toEqual(['GA', 'GA', 'retired']);
  });
});

test('DBRX is gone in both modes, each in its month', () => {
  const MODEL = 'databricks-dbrx-instruct';
  expect(['2025-03-31', '2025-05-01'].map((day) => status(day, MODEL))).toEqual(['GA', 'retired']);
  const provisioned = ['2025-11-30', '2026-01-01'].map((day) => status(day, MODEL, 'provisioned-throughput'));
  expect(provisioned).toEqual(['GA', 'retired']);
});

test('Llama 3.1 70B is answered by Llama 3.3 70B, and no end of that is stated', () => {
  expect(status('2024-12-10', 'databricks-meta-llama-3-1-70b-instruct')).toBe('GA');
  expect(on('2026-01-01', 'databricks-meta-llama-3-1-70b-instruct')).toMatchObject({
    status: 'redirected',
    redirectTo: 'databricks-meta-llama-3-3-70b-instruct',
    retires: '2024-12-11',
    gone: null,
  });
});

test.each(['databricks-gpt-5-1-codex-max', 'databricks-gpt-5-1-codex-mini', 'databricks-gpt-5-2-codex'])(
  '%s is retired on July 16, 2026',
  (model) => {
    expect(['2026-07-15', '2026-07-16'].map((day) => status(day, model))).toEqual(['GA', 'retired']);
    expect(on('2026-04-17', model)).toMatchObject({
      notice: true,
      retires: '2026-07-16',
      gone: '2026-07-16',
    });
  },
);

test('Claude 3.7 Sonnet is no longer available, since when is not stated', () => {
  expect(on('2026-06-17', 'databricks-claude-3-7-sonnet')).toMatchObject({
    status: 'retired',
    retires: null,
    notice: true,
  });
});

test.each([
  ['databricks-llama-4-maverick', 'preview'],
  ['databricks-qwen3-5-122b-a10b', 'preview'],
  ['databricks-gemma-3-12b', 'GA'],
  ['databricks-gpt-oss-120b', 'GA'],
  ['databricks-gpt-oss-20b', 'GA'],
  ['databricks-meta-llama-3-3-70b-instruct', 'GA'],
  ['databricks-meta-llama-3-2-3b-instruct', 'GA'],
  ['databricks-meta-llama-3-2-1b-instruct', 'GA'],
  ['databricks-meta-llama-3-1-8b-instruct', 'GA'],
  ['databricks-gte-large-en', 'GA'],
  ['databricks-bge-large-en', 'GA'],
])('%s is %s on provisioned throughput, and named for real-time inference', (model, expected) => {
  expect(status('2026-06-17', model, 'provisioned-throughput')).toBe(expected);
  expect(seedCatalog().model(model)?.real_time).toBe(true);
});

test('an announcement is when a model is deprecated from, and without an end nothing is said', () => {
  const catalog = catalogOver(
    `models: [{model: mine, family: Mine, task: chat, source: us}]
rows:
  - {model: mine, mode: custom, status: GA, deprecated_from: '2026-01-10', effective_to: '2026-12-31', source: us}
  - {model: mine, mode: custom, status: retired, effective_from: '2026-12-31', source: us}`,
    'own.yaml',
  );
  expect(on('2026-02-01', 'mine', 'custom', catalog)).toMatchObject({
    deprecated: '2026-01-10',
    notice: false,
  });
  expect(on('2026-02-01', 'databricks-gpt-5')).toMatchObject({
    status: 'unknown',
    deprecated: null,
    retires: null,
    notice: false,
  });
});
