import { describe, expect, test } from 'vitest';
import { differences, type FinalUsage, Place } from './ledger.ts';
import { TeamTotals } from './totals.ts';

const answered = new Set(['r-0-1', 'r-1-2']);
const sent = new TeamTotals();
sent.add('team_a', { requests: 1, input_tokens: 100, output_tokens: 10 });
sent.add('team_b', { requests: 1, input_tokens: 200, output_tokens: 20 });

const first: FinalUsage = {
  requestId: 'q1',
  clientRequestId: 'r-0-1',
  teamId: 'team_a',
  inputTokens: 100,
  outputTokens: 10,
};
const second: FinalUsage = {
  requestId: 'q2',
  clientRequestId: 'r-1-2',
  teamId: 'team_b',
  inputTokens: 200,
  outputTokens: 20,
};
const lost: FinalUsage = {
  requestId: 'q3',
  clientRequestId: 'r-1-1',
  teamId: 'team_b',
  inputTokens: 77,
  outputTokens: 3,
};

function place(name: string, usages: readonly FinalUsage[]): Place {
  const place = new Place(name, answered);
  for (const usage of usages) place.record(usage);
  return place;
}

describe('differences', () => {
  test('are none when every place holds each answered request once and the same abandoned ones', () => {
    const places = [place('audit', [first, lost, second]), place('charges', [second, first, lost])];
    expect(differences(sent, places)).toEqual([]);
    expect(places[0]?.abandoned.total()).toEqual({ requests: 1, input_tokens: 77, output_tokens: 3 });
  });

  test.each([
    ['a missing request', [first]],
    ['a request held twice', [first, second, second]],
    ['other tokens', [first, { ...second, outputTokens: 21 }]],
    ['another team', [first, { ...second, teamId: 'team_a' }]],
    ['a team that nothing was sent for', [first, second, { ...first, requestId: 'q9', teamId: 'team_c' }]],
  ])('name %s', (_, usages) => {
    expect(differences(sent, [place('audit', usages)])).not.toEqual([]);
  });

  test('name a report that is not the sum of the charges', () => {
    const places = [place('audit', [first, lost, second]), place('charges', [second, first, lost])];
    const whole = places[1]?.all() ?? new TeamTotals();
    expect(differences(sent, places, { 'the report': whole, budgets: whole })).toEqual([]);
    expect(differences(sent, places, { 'the report': sent, budgets: whole })).toEqual([
      expect.stringContaining('the report, team_b'),
    ]);
  });

  test('name an abandoned request that only one place holds, though both hold what was sent', () => {
    const places = [place('audit', [first, second, lost]), place('charges', [first, second])];
    expect(differences(sent, places)).toEqual([
      expect.stringContaining('abandoned in charges against audit'),
    ]);
  });
});
