import { describe, expect, test } from 'vitest';
import { parsePolicyConfig } from '../configuration/load.ts';
import { HOSTILE_TEXTS, repeated } from '../testing/hostile-texts.ts';
import { compileOutput, OutputGuard } from './output-guard.ts';
import { MAX_MATCH_CHARS } from './window.ts';

const SMALL_CHARS = 8 * 1024;
const PIECE_CHARS = 3;
const FACTOR = 8;
/** Eight times the text may take this many times the time: three times what is in proportion, for a busy machine; a square would take 64. */
const MOST_TIMES_LONGER = 24;
/** Below this, the clock says nothing. */
const LEAST_MS = 5;
/** Each policy holds back one match, and what it has to see beyond it. */
const MOST_HELD_CHARS = 2 * (MAX_MATCH_CHARS + 64);

const EXPRESSIONS = [
  '[a-z_]+\\.[a-z_]+\\.[a-z_]+',
  '(a+)+$',
  '(?i)(x|xx)+y',
  'dapi[a-f0-9]{32}',
  '[^ ]+@[^ ]+\\.zz',
  '(?s)a.*b',
  '.*password.*',
];

function compiled(action: string) {
  const file = {
    pack: { name: 'p', version: '1.0.0', enabled: true },
    policies: { chain: ['pii-detector', 'dlp-filter'] },
    policy: {
      'pii-detector': { action, apply_to: ['output'] },
      'dlp-filter': { action, apply_to: ['output'], detect_patterns: EXPRESSIONS },
    },
  };
  return compileOutput(parsePolicyConfig(JSON.stringify(file), { env: {} }));
}
const FLAGGING = compiled('flag');
const REDACTING = compiled('redact');

function milliseconds(text: string): number {
  const window = new OutputGuard(FLAGGING, null).begin();
  const before = process.threadCpuUsage();
  for (let at = 0; at < text.length; at += PIECE_CHARS) window.push(text.slice(at, at + PIECE_CHARS));
  window.end();
  const { user, system } = process.threadCpuUsage(before);
  return (user + system) / 1_000;
}

describe('the time of a stream is in proportion to its text', { timeout: 60_000 }, () => {
  test.each(Object.entries(HOSTILE_TEXTS))('of %s', (_, unit) => {
    milliseconds(repeated(unit, SMALL_CHARS));
    const small = Math.max(LEAST_MS, milliseconds(repeated(unit, SMALL_CHARS)));
    expect(milliseconds(repeated(unit, SMALL_CHARS * FACTOR)) / small).toBeLessThan(MOST_TIMES_LONGER);
  });
});

describe('what is held back is bounded', () => {
  test.each(Object.entries(HOSTILE_TEXTS))('of %s', (_, unit) => {
    const guard = new OutputGuard(REDACTING, null);
    const window = guard.begin();
    const text = repeated(unit, 20_000);
    let [came, passed, most] = [0, 0, 0];
    for (let at = 0; at < text.length && guard.findings().length === 0; at += 7) {
      came = Math.min(text.length, at + 7);
      passed += window.push(text.slice(at, came)).length;
      if (guard.findings().length === 0) most = Math.max(most, came - passed);
    }
    expect(most).toBeLessThan(MOST_HELD_CHARS);
  });

  test('of a word of any length, and an address behind it is still whole', () => {
    const guard = new OutputGuard(compiled('redact'), null);
    const window = guard.begin();
    const text = `${'ABCDEFGHIJ'.repeat(1_000)};${'Q'.repeat(5_000)}/maria@example.com ${'忽'.repeat(300)}joe@example.org end`;
    const seen = [...text].map((one) => window.push(one)).join('') + window.end();
    expect(seen).not.toContain('@');
    expect(guard.findings()).toMatchObject([{ rule: 'EMAIL_ADDRESS', count: 2 }]);
  });
});
