import { describe, expect, test } from 'vitest';
import { PASSED, type StepVerdict } from '../chain/policy-step.ts';
import type { DlpExpression } from '../configuration/policies/policy-settings.ts';
import { Redactions } from '../texts/redactions.ts';
import { dlpFilter } from './dlp-filter.ts';

const PAT: DlpExpression = { name: 'databricks-pat', regex: 'dapi[a-f0-9]{32}', action: 'block' };
const JDBC: DlpExpression = {
  name: 'jdbc-connection-string',
  regex: String.raw`jdbc:databricks://[^\s]+`,
  action: 'redact',
};
const TABLES: DlpExpression = {
  name: 'detect_patterns[0]',
  regex: String.raw`[a-z_]+\.[a-z_]+\.[a-z_]+`,
  action: 'flag',
};

function ask(expressions: readonly DlpExpression[], ...texts: string[]): StepVerdict {
  return dlpFilter({ expressions, restore: true }).evaluate({
    model: 'm',
    roles: [],
    maxOutputTokens: null,
    choices: 1,
    generates: true,
    parts: [],
    texts,
    redactions: new Redactions(texts),
  });
}

describe('dlp-filter', () => {
  test.each([
    [PAT, `token dapi${'0af9'.repeat(8)} here`, 1],
    [PAT, `token dapi${'0af9'.repeat(7)} here`, 0],
    [PAT, `token DAPI${'0af9'.repeat(8)} here`, 0],
    [JDBC, 'use jdbc:databricks://x.net:443/default;httpPath=/sql', 1],
    [JDBC, 'use jdbc:databricks:// x', 0],
    [TABLES, 'select * from main.sales.orders join main.sales.items', 2],
    [TABLES, 'The end. of main.sales, it is', 0],
    [{ ...PAT, regex: String.raw`dbutils\.secrets\.get\([^)]+\)` }, 'dbutils.secrets.get("scope", "key")', 1],
    [{ ...PAT, regex: String.raw`dbutils\.secrets\.get\([^)]+\)` }, 'dbutils.secrets.get()', 0],
    [{ ...PAT, regex: '0[0-9]{3}-[0-9]{6}-[a-z0-9]{8}' }, 'cluster 0123-456789-abcd1234', 1],
    [{ ...PAT, regex: '0[0-9]{3}-[0-9]{6}-[a-z0-9]{8}' }, 'cluster 1123-456789-abcd1234', 0],
    [{ ...PAT, regex: String.raw`(?i)projekt\s+übermut` }, 'Das PROJEKT  ÜBERMUT ist geheim', 1],
  ])('finds %j in %j: %d', (expression, text, count) => {
    expect(ask([expression], text).findings.reduce((sum, finding) => sum + finding.count, 0)).toBe(count);
  });

  test('lets a request without any match pass untouched', () => {
    expect(ask([PAT, JDBC], 'nothing', 'here')).toBe(PASSED);
  });

  test('redacts under the name of the pattern, and counts over all texts', () => {
    const verdict = ask([JDBC], 'a jdbc:databricks://x b', 'jdbc:databricks://y', 'jdbc:databricks://x');
    expect(verdict.texts).toEqual([
      'a <JDBC_CONNECTION_STRING_1> b',
      '<JDBC_CONNECTION_STRING_2>',
      '<JDBC_CONNECTION_STRING_1>',
    ]);
    expect(verdict.findings).toEqual([
      { policy: 'dlp-filter', rule: 'jdbc-connection-string', action: 'redact', count: 3 },
    ]);
    expect(verdict.denial).toBeNull();
  });

  test('refuses for one that blocks, whatever others would redact, and says everything it found', () => {
    const verdict = ask([JDBC, PAT], `jdbc:databricks://x dapi${'0'.repeat(32)}`);
    expect(verdict.denial).toMatchObject({ code: 'dlp_match', status: 400 });
    expect(verdict.texts).toBeNull();
    expect(verdict.findings.map(({ rule }) => rule)).toEqual(['jdbc-connection-string', 'databricks-pat']);
  });

  test('only tells what is flagged', () => {
    expect(ask([TABLES], 'from a.b.c')).toMatchObject({
      denial: null,
      texts: null,
      findings: [{ action: 'flag', count: 1 }],
    });
  });

  test('calls what has no name REDACTED', () => {
    expect(ask([{ ...TABLES, action: 'redact' }], 'from a.b.c').texts).toEqual(['from <REDACTED_1>']);
  });

  test('refuses a match that is too long to be found, where it was to be redacted', () => {
    const long: DlpExpression = { name: 'long', regex: 'BEGIN[^$]*END', action: 'redact' };
    expect(ask([long], `BEGIN${'x'.repeat(90_000)}END`).denial?.code).toBe('dlp_match');
    expect(ask([long], `BEGIN${'x'.repeat(12_000)}END`).texts).toEqual(['<LONG_1>']);
  });

  test('refuses what has too many matches to redact one by one', () => {
    expect(ask([{ ...TABLES, action: 'redact' }], 'a.b.c '.repeat(5_000)).denial?.code).toBe('dlp_match');
  });
});
