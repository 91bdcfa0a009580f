import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { EMISSION_MATRIX, type Emission, emissionFaults, parseEvent, type TollgateEvent } from './index.ts';

const sample = (name: string): TollgateEvent => {
  const parsed = parseEvent(readFileSync(new URL(`../samples/v1/${name}.json`, import.meta.url)));
  if (parsed.kind !== 'event') throw new Error(`the sample ${name} can't be read`);
  return parsed.event;
};

test('the table in docs/events.md says what the matrix says', () => {
  const page = readFileSync(new URL('../../../docs/events.md', import.meta.url), 'utf8').replaceAll(
    / +/g,
    ' ',
  );
  for (const [fate, row] of Object.entries<Emission>(EMISSION_MATRIX)) {
    const usage = [
      ...(row.earlierAttempts === 'none' ? [] : ['one per failed attempt']),
      ...(row.final === null ? [] : [`1 final \`${row.final}\``]),
    ];
    const about = { none: [], 'if any': ['0–1 `allowed` (output)'] };
    const decisions = [
      ...(row.decision === null ? ['–'] : [`1 \`${row.decision}\``]),
      ...(row.output === 'none' || row.output === 'if any'
        ? about[row.output]
        : [`1 \`${row.output}\` (output)`]),
    ];
    const line = `| ${fate} | ${row.requests || '–'} | ${decisions.join(', ')} | ${usage.join(', ') || '–'} | ${row.countedAsRejection ? 'counted' : '–'} |`;
    expect(page).toContain(line);
  }
});

test('the events of an answered request satisfy its row and no other', () => {
  const events = [sample('request'), sample('decision'), sample('usage')];
  const satisfied = Object.keys(EMISSION_MATRIX).filter(
    (fate) => emissionFaults(fate as keyof typeof EMISSION_MATRIX, events).length === 0,
  );
  expect(satisfied).toEqual(['answered']);
});

test('the decision about an answer belongs to an answer in which something was found', () => {
  const events = [sample('request'), sample('decision'), sample('usage')];
  const about = (outcome: 'allowed' | 'denied', findings = 1): TollgateEvent => {
    const decision = sample('decision');
    if (decision.type !== 'tollgate.decision.v1') throw new Error('no decision');
    const found = { policy: 'dlp-filter', rule: 'token', action: 'flag' as const, count: 1 };
    const data = {
      ...decision.data,
      phase: 'output' as const,
      outcome,
      findings: Array(findings).fill(found),
    };
    return { ...decision, data };
  };
  expect(emissionFaults('answered-with-findings', [...events, about('allowed')])).toEqual([]);
  expect(emissionFaults('answered-with-findings', events)).toHaveLength(1);
  expect(emissionFaults('answered', [...events, about('allowed')])).toHaveLength(1);
  expect(emissionFaults('answered-with-findings', [...events, about('denied')])).toHaveLength(1);
  expect(emissionFaults('answered-with-findings', [...events, about('allowed', 0)])).toHaveLength(1);
});

test('a missing, a second and a contradicting event are each named', () => {
  const [request, decision, usage] = [sample('request'), sample('decision'), sample('usage')];
  expect(emissionFaults('answered', [request, decision])).toHaveLength(1);
  expect(emissionFaults('answered', [request, decision, usage, usage])).toHaveLength(1);
  expect(emissionFaults('answered', [request, request, decision, usage])).toHaveLength(1);
  expect(emissionFaults('lost', [request, decision, usage])).toHaveLength(1);
});
