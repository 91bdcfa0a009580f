import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from '@tollgate/testing';
import type { Command } from 'commander';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { readRecords } from './choosing/record-file.ts';
import { modelsCommand } from './commands.ts';

const LLAMA = 'databricks-meta-llama-3-3-70b-instruct';

const written: string[] = [];
vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
  written.push(String(text));
  return true;
});
afterEach(() => {
  written.length = 0;
  process.exitCode = undefined;
});

function fileOf(text: string, name = 'own.yaml'): string {
  const file = join(temporaryFolder('catalog'), name);
  writeFileSync(file, text);
  return file;
}

/** Runs `tollgate models …`; gives back what it wrote, and its exit code. */
async function run(...args: string[]): Promise<{ readonly output: string; readonly code: unknown }> {
  written.length = 0;
  process.exitCode = undefined;
  const quiet = (command: Command): void => {
    command.exitOverride().configureOutput({ writeErr: (text) => written.push(text) });
    command.commands.forEach(quiet);
  };
  const command = modelsCommand();
  quiet(command);
  try {
    await command.parseAsync(args, { from: 'user' });
    return { output: written.join(''), code: process.exitCode ?? 0 };
  } catch (error) {
    return { output: written.join(''), code: error instanceof Error ? Reflect.get(error, 'exitCode') : null };
  }
}

const lines = (json: string): unknown[] =>
  json
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

test('list shows every model in each mode, as of a day and in a region', async () => {
  const { output } = await run(
    'list',
    '--at',
    '2026-01-01',
    '--region',
    'us-east-1',
    '--mode',
    'pay-per-token',
    '--json',
  );
  const entries = lines(output);
  expect(entries).toContainEqual(
    expect.objectContaining({
      model: 'databricks-meta-llama-3-1-405b-instruct',
      status: 'GA',
      retires_on: '2026-02-15',
      cross_geography: 'not-needed',
      context_window: 128_000,
      proposed_price: expect.objectContaining({ input: '5.00', output: '15.00', currency: 'USD' }),
      standards: expect.objectContaining({ HIPAA: 'with-profile', 'PCI-DSS': 'not-met' }),
    }),
  );
  expect(entries).toContainEqual(
    expect.objectContaining({
      model: 'databricks-gemini-3-pro',
      retires_on: '2026-03-26',
      gone_on: '2026-06-07',
    }),
  );
  expect((await run('list', '--status', 'preview')).output).toMatch(
    /llama-4-maverick +provisioned-throughput +preview/,
  );
});

test('show says what is known, from where, and that the rest is not', async () => {
  const { output, code } = await run('show', LLAMA, '--at', '2026-01-01');
  expect(code).toBe(0);
  expect(output).toMatch(/context +128000 tokens/);
  expect(output).toMatch(/replacement +not known/);
  expect(output).toMatch(/sources +A gateway vendor's page/);
  expect(await run('show', 'databricks-gpt-5-mino')).toEqual({
    output:
      'error: The catalogue does not know "databricks-gpt-5-mino". Did you mean "databricks-gpt-5-mini"?\n',
    code: 1,
  });
});

test('lifecycle looks 90 days ahead, further where asked, and back', async () => {
  const models = async (...args: string[]) =>
    lines((await run('lifecycle', '--json', ...args)).output).map((ending) =>
      Reflect.get(Object(ending), 'model'),
    );
  expect(await models('--at', '2026-04-17')).toEqual([
    'databricks-meta-llama-3-1-405b-instruct',
    'databricks-gpt-5-1-codex-max',
    'databricks-gpt-5-1-codex-mini',
    'databricks-gpt-5-2-codex',
  ]);
  expect(await models('--at', '2026-04-17', '--within', '30')).toEqual([
    'databricks-meta-llama-3-1-405b-instruct',
  ]);
  expect(await models('--at', '2026-04-17', '--within', '0', '--past')).toContain('databricks-gemini-3-pro');
  expect((await run('lifecycle', '--at', '2030-01-01')).output).toMatch(/^Nothing is known/);
});

describe('check', () => {
  test('ends with 0 where a model may be called, and with 1 and the alternative where not', async () => {
    expect(await run('check', LLAMA, '--region', 'eastus')).toEqual({ output: 'Permitted.\n', code: 0 });
    const refused = await run('check', LLAMA, '--region', 'eastus', '--compliance', 'pci-dss', '--json');
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.output)).toMatchObject({
      ok: false,
      verdict: { rule: 'standard_not_met', alternative: { model: LLAMA, mode: 'provisioned-throughput' } },
    });
  });

  test('ends with 1 where the catalogue file is not valid, and with 2 where there is none', async () => {
    const file = fileOf(`rows: [{model: '*', regon: eu, source: us}]`);
    expect(await run('check', '--catalog', file)).toEqual({
      output: `error: ${file}:1:21: rows[0].regon: Nothing reads this field. Did you mean "region"?\n`,
      code: 1,
    });
    expect(await run('check', '--catalog', `${file}.none`)).toMatchObject({ code: 2 });
    expect(await run('check', '--at', 'soon')).toMatchObject({ code: 1 });
  });
});

describe('choose', () => {
  const NEED = ['choose', '--region', 'us-east-1', '--at', '2026-01-20'];
  const SAID = ['--owner', 'ml-platform', '--approver', 'Ada', '--reason', 'latency'];
  const chosen = async (...args: string[]) => {
    const { output, code } = await run(...NEED, '--json', ...args);
    const { chosen: entry } = JSON.parse(output);
    return entry === null ? `none, ${code}` : `${entry.model} ${entry.mode}`;
  };

  test.each([
    [[], `${LLAMA} pay-per-token`],
    [['--latency', 'guaranteed'], `${LLAMA} provisioned-throughput`],
    [['--latency', 'interactive', '--compliance', 'HIPAA,PCI-DSS'], `${LLAMA} provisioned-throughput`],
    [['--mode', 'pay-per-token', '--compliance', 'PCI-DSS'], 'none, 1'],
    [['--task', 'embeddings'], 'databricks-bge-large-en pay-per-token'],
    [
      ['--task', 'embeddings', '--context', '4000', '--mode', 'pay-per-token'],
      'databricks-gte-large-en pay-per-token',
    ],
    [['--budget', '0.45', '--mode', 'pay-per-token'], 'databricks-gpt-oss-20b pay-per-token'],
    [['--context', '200000', '--budget', '0.01', '--mode', 'pay-per-token', '--residency', 'eu'], 'none, 1'],
  ])('answers %j with %s', async (args, expected) => {
    expect(await chosen(...args)).toBe(expected);
  });

  test('takes a preview only where that is allowed', async () => {
    const maverick = ['--model', 'databricks-llama-4-maverick', '--mode', 'provisioned-throughput'];
    expect(await chosen(...maverick)).toBe('none, 1');
    expect(await chosen(...maverick, '--previews')).toBe(
      'databricks-llama-4-maverick provisioned-throughput',
    );
  });

  test('keeps the record, the note, and what was said of the same choice before', async () => {
    const record = join(temporaryFolder('records'), 'models.yaml');
    const note = join(temporaryFolder('records'), 'note.md');
    const kept = [...NEED, '--latency', 'guaranteed', '--record', record, ...SAID];
    expect(
      (await run(...kept, '--zero-data-retention', 'Nothing is kept', '--asserted-by', 'Grace')).code,
    ).toBe(0);
    expect(await readRecords(record)).toMatchObject([
      {
        model: LLAMA,
        mode: 'provisioned-throughput',
        region: 'us-east-1',
        owner: 'ml-platform',
        approver: 'Ada',
        test: { status: 'pending' },
        replacement: 'databricks-meta-llama-3-1-8b-instruct',
        guardrails: { feature_flag: { status: 'not-needed' }, load_test: { status: 'pending' } },
        assertions: {
          zero_data_retention: {
            statement: 'Nothing is kept',
            asserted_by: 'Grace',
            asserted_on: '2026-01-20',
          },
        },
      },
    ]);
    const edited = readFileSync(record, 'utf8').replace(
      'status: pending',
      "status: passed\n      on: '2026-01-21'",
    );
    writeFileSync(record, `# ours\n${edited}`);
    expect((await run(...kept, '--note', note)).code).toBe(0);
    expect(readFileSync(record, 'utf8')).toMatch(/^# ours/);
    expect(await readRecords(record)).toMatchObject([
      {
        test: { status: 'passed', on: '2026-01-21' },
        assertions: { zero_data_retention: { asserted_by: 'Grace' } },
      },
    ]);
    const page = readFileSync(note, 'utf8');
    expect(page).toContain(`${LLAMA} is used on provisioned-throughput in us-east-1. Reason: latency.`);
    expect(page).toContain('- [ ] Load test completed in the target region: pending');
    expect(page).toContain('Nothing is kept. Asserted by Grace on 2026-01-20.');
  });

  test('writes nothing where somebody is missing, or over a file that is not valid', async () => {
    const record = join(temporaryFolder('records'), 'models.yaml');
    expect(await run(...NEED, '--record', record, '--owner', 'me')).toMatchObject({ code: 2 });
    expect(await run(...NEED, '--record', record, ...SAID, '--data-processing', 'x')).toMatchObject({
      code: 2,
    });
    expect(existsSync(record)).toBe(false);
    const broken = fileOf('records: [{model: x}]');
    expect(await run(...NEED, '--record', broken, ...SAID)).toMatchObject({
      code: 1,
      output: expect.stringContaining(':1:11: records[0].family: This field is required.'),
    });
    expect(readFileSync(broken, 'utf8')).toBe('records: [{model: x}]');
  });

  test('is held against the catalogue later on', async () => {
    const record = join(temporaryFolder('records'), 'models.yaml');
    const model = ['--model', 'databricks-meta-llama-3-1-405b-instruct', '--mode', 'pay-per-token'];
    await run(
      'choose',
      '--region',
      'us-east-1',
      '--at',
      '2025-06-01',
      '--record',
      record,
      ...SAID,
      ...model,
      '--replacement',
      'databricks-gemini-3-pro',
    );
    expect(await run('check', '--record', record, '--at', '2025-06-02')).toMatchObject({
      code: 0,
      output: expect.stringMatching(/^open: .*: It has not been tested\.$/m),
    });
    const { output, code } = await run('check', '--record', record, '--at', '2026-01-01');
    expect(code).toBe(1);
    expect(output).toMatch(/^failure: .*: It ends on 2026-02-15: move to databricks-gemini-3-pro\.$/m);
    expect(output).toMatch(/^failure: .*: Its replacement databricks-gemini-3-pro ends itself/m);
  });
});
