import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { homeAt } from './home.ts';
import { commandLines, curlLine, type Facts, summary } from './summary.ts';

const plain = (text: string) => text;
const FACTS: Facts = {
  home: homeAt("/home/o'neil/my data"),
  urls: { gateway: 'http://127.0.0.1:41002', 'simulated-databricks': 'http://127.0.0.1:41020' },
  limitId: 'limit_1',
  model: 'some-model',
  policyFile: '/home/policy-config.yaml',
  databricksHost: null,
  warehouse: null,
  command: 'npx tollgate',
  behindProxy: false,
  period: '2026-03',
  bold: plain,
  dim: plain,
};

/** The words that a shell makes of a line. */
function words(line: string): string[] {
  return execFileSync('sh', ['-c', `printf '%s\\n' ${line}`], { encoding: 'utf8' })
    .trimEnd()
    .split('\n');
}

test('the curl line is what it says for any shell, whatever the folder is called', () => {
  const [program, url, , key, , type, , body = ''] = words(curlLine(FACTS));
  expect([program, url, key, type]).toEqual([
    'curl',
    'http://127.0.0.1:41002/v1/chat/completions',
    "@/home/o'neil/my data/demo-key.header",
    'content-type: application/json',
  ]);
  expect(JSON.parse(body)).toMatchObject({ model: 'some-model', messages: [{ role: 'user' }] });
});

test('a model of any name is asked for as it is called', () => {
  const body = words(curlLine({ ...FACTS, model: "o'neil's" })).at(-1) ?? '';
  expect(JSON.parse(body)).toMatchObject({ model: "o'neil's" });
});

test('a proxy that curl would take is passed by', () => {
  expect(words(curlLine({ ...FACTS, behindProxy: true })).slice(0, 3)).toEqual(['curl', '--noproxy', '*']);
});

test('a limit is shown where there is one', () => {
  const lines = (facts: Facts) => commandLines(facts).map(({ line }) => line);
  expect(lines(FACTS)).toContain('npx tollgate limits show limit_1');
  expect(lines({ ...FACTS, limitId: null }).join()).not.toContain('limits');
});

test('it says where models come from and where charges go', () => {
  const text = (facts: Facts) => summary({ ...facts, readyAfter: '1.0 s' });
  expect(text(FACTS)).toMatch(/models from +http:\/\/127\.0\.0\.1:41020 +simulated/);
  expect(text(FACTS)).toMatch(/lakehouse +.*lakehouse\.duckdb +a DuckDB file stands in/);
  const real = text({ ...FACTS, databricksHost: 'https://adb-1.net', warehouse: '/sql/1.0/warehouses/abc' });
  expect(real).toMatch(/models from +https:\/\/adb-1\.net\n/);
  expect(real).toMatch(/lakehouse +\/sql\/1\.0\/warehouses\/abc\n/);
});
