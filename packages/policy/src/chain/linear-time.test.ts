import { describe, expect, test } from 'vitest';
import { parsePolicyConfig } from '../configuration/load.ts';
import { HOSTILE_TEXTS, repeated } from '../testing/hostile-texts.ts';
import { chainRequest } from './chain-request.ts';
import { type CompiledChain, compileChain } from './compile-chain.ts';
import { evaluateChain } from './evaluate-chain.ts';

const SMALL_CHARS = 16 * 1024;
const FACTOR = 8;
/** Eight times the text may take this many times the time: three times what is in proportion, for a busy machine; a square would take 64. */
const MOST_TIMES_LONGER = 24;
/** Below this, the clock says nothing. */
const LEAST_MS = 3;

const chain = compileChain(
  parsePolicyConfig(
    `pack: {name: p, version: 1.0.0, enabled: true}
policies: {chain: [prompt-injection, pii-detector, dlp-filter], max_text_bytes: 67108864}
policy:
  prompt-injection: {action: flag}
  dlp-filter:
    action: flag
    detect_patterns: ['[a-z_]+\\.[a-z_]+\\.[a-z_]+', '(a+)+$', '(?i)(x|xx)+y', 'dapi[a-f0-9]{32}', '[^ ]+@[^ ]+\\.zz']
`,
    { env: {} },
  ),
);

/** The faster of two, since anything else on the machine only adds. */
function milliseconds(own: CompiledChain, content: string): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 2; round += 1) {
    const { user, system } = process.threadCpuUsage();
    const before = user + system;
    evaluateChain(
      own,
      chainRequest(
        { model: 'm', messages: [{ role: 'user', content }] },
        { roles: [], generates: true, readsTexts: true },
      ),
    );
    const after = process.threadCpuUsage();
    best = Math.min(best, (after.user + after.system - before) / 1_000);
  }
  return best;
}

const redacting = compileChain(
  parsePolicyConfig(
    `pack: {name: p, version: 1.0.0, enabled: true}
policies: {chain: [pii-detector, dlp-filter], max_text_bytes: 67108864}
policy:
  pii-detector: {entities: [EMAIL_ADDRESS], restore: true}
  dlp-filter: {patterns: [{name: brackets, regex: '<<+', action: redact}]}
`,
    { env: {} },
  ),
);

describe('the time of the chain is in proportion to the text', () => {
  test.each(Object.entries(HOSTILE_TEXTS))('of %s', (_, unit) => {
    milliseconds(chain, repeated(unit, SMALL_CHARS));
    const small = Math.max(LEAST_MS, milliseconds(chain, repeated(unit, SMALL_CHARS)));
    expect(milliseconds(chain, repeated(unit, SMALL_CHARS * FACTOR)) / small).toBeLessThan(MOST_TIMES_LONGER);
  });

  test('of addresses that are all different, and all redacted', () => {
    const text = (chars: number): string =>
      Array.from({ length: chars >> 4 }, (_, index) => `<${String(index).padStart(6, '0')}@x.net>`).join(' ');
    milliseconds(redacting, text(SMALL_CHARS));
    const small = Math.max(LEAST_MS, milliseconds(redacting, text(SMALL_CHARS)));
    expect(milliseconds(redacting, text(SMALL_CHARS * FACTOR)) / small).toBeLessThan(MOST_TIMES_LONGER);
  });
});
