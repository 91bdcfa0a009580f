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
    const line = `| ${fate} | ${row.requests || '–'} | ${row.decision === null ? '–' : `1 \`${row.decision}\``} | ${usage.join(', ') || '–'} | ${row.countedAsRejection ? 'counted' : '–'} |`;
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

test('a missing, a second and a contradicting event are each named', () => {
  const [request, decision, usage] = [sample('request'), sample('decision'), sample('usage')];
  expect(emissionFaults('answered', [request, decision])).toHaveLength(1);
  expect(emissionFaults('answered', [request, decision, usage, usage])).toHaveLength(1);
  expect(emissionFaults('answered', [request, request, decision, usage])).toHaveLength(1);
  expect(emissionFaults('lost', [request, decision, usage])).toHaveLength(1);
});
