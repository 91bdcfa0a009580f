import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { ATTRIBUTION, chargeBytes, countingUuid, MODEL, taken, usageBytes } from '../testing/events.ts';
import { parseTaken } from './parse-taken.ts';

function changed(bytes: Buffer, change: Record<string, unknown>): Buffer {
  return Buffer.from(JSON.stringify({ ...JSON.parse(bytes.toString()), ...change }));
}

describe('what an event comes to', () => {
  it('is a row of the trail, with what totals need of usage', () => {
    const bytes = usageBytes({ n: 1 });
    const [row] = taken(bytes).rows;
    expect(row).toMatchObject({ table: 'audit_events', key: countingUuid(1), date: '2026-03-10' });
    expect(JSON.parse(row?.body ?? '')).toEqual({
      event_date: '2026-03-10',
      event_id: countingUuid(1),
      source: '/gateways/gw-1/0197c9a0-0000-7000-8000-000000000001',
      sequence: 2,
      type: 'tollgate.usage.v1',
      subject: countingUuid(1, 2),
      time: '2026-03-10T12:00:01.000Z',
      organisation_id: 'org_acme',
      team_id: 'team_search',
      request_id: countingUuid(1, 2),
      requested_at: '2026-03-10T12:00:00.123Z',
      model: MODEL,
      final: true,
      input_tokens: 100,
      output_tokens: 10,
      event: bytes.toString(),
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
  });

  it('is two rows for a charge, whose amount stays text', () => {
    const [audit, charge] = taken(chargeBytes(1)).rows;
    expect(audit).toMatchObject({ table: 'audit_events', key: countingUuid(1, 3) });
    expect(charge).toMatchObject({ table: 'charges', key: countingUuid(1, 4), date: '2026-03-10' });
    expect(JSON.parse(charge?.body ?? '')).toMatchObject({
      amount: '0.000054',
      quantity: 100,
      team_id: ATTRIBUTION.team_id,
      tags: '{"app":"indexer"}',
    });
  });

  it('keeps apart a charge whose amount would be rounded', () => {
    const { rows, refused } = taken(chargeBytes(1, { line: { amount: '0.0000000000000000001' } }));
    expect(rows.map((row) => row.table)).toEqual(['audit_events']);
    expect(refused).toMatchObject([
      { table: 'charges', key: countingUuid(1, 4), code: 'value_not_representable' },
    ]);
  });

  it('is nothing for a heartbeat, which is no record', () => {
    const heartbeat = changed(usageBytes({ n: 1 }), {
      type: 'tollgate.source.heartbeat.v1',
      sequence: undefined,
    });
    expect(taken(heartbeat)).toEqual({ rows: [], refused: [] });
  });

  it('is a row for types and versions unknown to this release, but a later charge waits for one that knows it', () => {
    const later = taken(changed(usageBytes({ n: 1 }), { type: 'tollgate.usage.v9' }));
    expect(JSON.parse(later.rows[0]?.body ?? '')).toMatchObject({ type: 'tollgate.usage.v9', final: null });
    expect(parseTaken(changed(chargeBytes(1), { type: 'tollgate.charge.v2' }))).toEqual({
      kind: 'unknown-version',
      type: 'tollgate.charge.v2',
    });
  });

  it('is malformed where no engine could hold it', () => {
    for (const change of [
      { sequence: undefined },
      { sequence: '0'.repeat(19) },
      { sequence: '9'.repeat(19) },
      { time: '0000-01-01T00:00:00Z' },
    ]) {
      expect(parseTaken(changed(usageBytes({ n: 1 }), change)), JSON.stringify(change)).toMatchObject({
        kind: 'malformed',
      });
    }
    expect(parseTaken(changed(chargeBytes(1), { data: {} }))).toMatchObject({ kind: 'malformed' });
  });

  it('has no text that is not Unicode, and no member of an unexpected type', () => {
    const bytes = Buffer.from(
      usageBytes({ n: 1, attribution: { team_id: 'SURROGATE' } })
        .toString()
        .replace('SURROGATE', '\\ud800')
        .replace('"input_tokens":100', '"input_tokens":"many"'),
    );
    expect(JSON.parse(taken(bytes).rows[0]?.body ?? '')).toMatchObject({
      team_id: '\ufffd',
      input_tokens: null,
    });
  });
});
