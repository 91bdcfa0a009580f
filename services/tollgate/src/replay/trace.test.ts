import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@tollgate/testing';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { readTrace } from './trace.ts';

const folder = temporaryFolder('trace');
let files = 0;
function trace(text: string): string {
  const file = join(folder, `trace-${files++}.csv`);
  writeFileSync(file, text);
  return file;
}

test('reads times relative to the first row, and tokens', async () => {
  const file = trace(
    'TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03.9799600,4808,10\n2023-11-16 18:17:04.0319600,3180,8\n',
  );
  expect(await readTrace(file)).toEqual([
    { index: 0, atMs: 0, inputTokens: 4808, outputTokens: 10 },
    { index: 1, atMs: 52, inputTokens: 3180, outputTokens: 8 },
  ]);
});

test('any column order, quotes, blank lines, CRLF, a byte order mark and zones are read alike', async () => {
  const file = trace(
    '\uFEFF"GeneratedTokens",TIMESTAMP,ContextTokens\r\n\r\n10,"2024-05-10 00:00:00.009930+00:00",2162\r\n8,2024-05-10T00:00:01Z,7\r\n\r\n',
  );
  const rows = await readTrace(file);
  expect(rows.map((row) => [row.inputTokens, row.outputTokens])).toEqual([
    [2162, 10],
    [7, 8],
  ]);
  expect(rows[1]?.atMs).toBeCloseTo(991, -1);
});

test('stops at the limit', async () => {
  const file = trace(`TIMESTAMP,ContextTokens,GeneratedTokens\n${'2023-11-16 18:17:03,1,2\n'.repeat(9)}`);
  expect(await readTrace(file, 4)).toHaveLength(4);
});

test.each([
  ['TIMESTAMP,ContextTokens\n', ':1: the header has no column GeneratedTokens'],
  ['TIMESTAMP,ContextTokens,GeneratedTokens\n', 'holds no requests'],
  ['TIMESTAMP,ContextTokens,GeneratedTokens\nnever,1,2\n', ":2: TIMESTAMP 'never'"],
  ['TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1.5,2\n', ":2: ContextTokens '1.5'"],
  ['TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1,-2\n', ":2: GeneratedTokens '-2'"],
  ['TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1\n', ':2: it has 2 values'],
  ['TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1,2,3\n', ':2: it has 4 values'],
  ['TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:17:03,1,\n', ":2: GeneratedTokens ''"],
])('a broken file is refused by line and column: %j', async (text, message) => {
  await expect(readTrace(trace(text))).rejects.toThrow(message);
});

test('a file that is not there is named', async () => {
  await expect(readTrace(join(folder, 'none.csv'))).rejects.toMatchObject({ code: 'trace-unreadable' });
});

test('every row of any well-formed trace is read', async () => {
  const row = fc.record({
    ms: fc.integer({ min: 0, max: 4e12 }),
    input: fc.integer({ min: 0, max: 200_000 }),
    output: fc.integer({ min: 0, max: 200_000 }),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 50 }), async (rows) => {
      const lines = rows.map(
        ({ ms, input, output }) =>
          `${new Date(ms).toISOString().replace('T', ' ').slice(0, -1)},${input},${output}`,
      );
      const read = await readTrace(trace(['TIMESTAMP,ContextTokens,GeneratedTokens', ...lines].join('\n')));
      expect(read.map(({ inputTokens, outputTokens }) => ({ inputTokens, outputTokens }))).toEqual(
        rows.map(({ input, output }) => ({ inputTokens: input, outputTokens: output })),
      );
    }),
    { numRuns: 25 },
  );
});
