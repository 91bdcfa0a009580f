import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { type Advise, type GuardAnswer, policyCommand } from './commands.ts';
import { JSON_SCHEMA_ID } from './configuration/schema/json-schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'tollgate-policy-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const written: string[] = [];
vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
  written.push(String(text));
  return true;
});
afterEach(() => {
  written.length = 0;
  process.exitCode = undefined;
  vi.unstubAllEnvs();
});

const RIGHT = `pack: {name: p, version: 1.0.0, enabled: true}
providers:
  targets:
    - id: one
      provider: databricks:chat:m
      base_url: https://{workspace}.azuredatabricks.net/serving-endpoints
      secret_key_ref: {env: DATABRICKS_TOKEN}
policies: {chain: [audit-logger]}
`;

/** Runs `tollgate policy …` and gives back what it wrote and its exit code. */
async function run(...args: string[]): Promise<{ readonly output: string; readonly code: unknown }> {
  return runAdvised(null, ...args);
}

async function runAdvised(
  advise: Advise | null,
  ...args: string[]
): Promise<{ readonly output: string; readonly code: unknown }> {
  const command = policyCommand(advise, guardText).exitOverride();
  for (const child of command.commands) child.exitOverride().configureOutput({ writeErr: () => {} });
  await command.parseAsync(args, { from: 'user' });
  return { output: written.join(''), code: process.exitCode };
}

/** Answers of which the whole is one text; where it is empty, nobody can read it. */
const guardText: GuardAnswer = (answer, _, guard) => {
  const text = guard.begin();
  return answer.length === 0 ? null : Buffer.from(text.push(answer.toString('utf8')) + text.end());
};

function fileOf(text: string): string {
  const file = join(folder, 'policy-config.yaml');
  writeFileSync(file, text);
  return file;
}

test('check accepts what is valid, and says what a gateway still needs here', async () => {
  vi.stubEnv('DATABRICKS_HOST', '');
  const { output, code } = await run('check', fileOf(RIGHT));
  expect(code).toBe(0);
  expect(output).toContain('policy-config.yaml: valid\n');
  expect(output).toMatch(
    /would not serve it here:\n.*:6:7: .*\{workspace\} is a placeholder.*DATABRICKS_HOST/,
  );
});

test('check tells in JSON what a program needs', async () => {
  vi.stubEnv('DATABRICKS_HOST', 'adb-1.azuredatabricks.net');
  const { output, code } = await run('check', '--json', fileOf(RIGHT));
  expect(code).toBe(0);
  expect(JSON.parse(output)).toMatchObject({
    valid: true,
    servable: true,
    problems: [],
    chain: ['audit-logger'],
  });
});

test('check ends with 1 and every problem with its place, or 2 where there is no file', async () => {
  const wrong = fileOf(RIGHT.replace('audit-logger', 'audit-loger').replace('enabled', 'enable'));
  const { output, code } = await run('check', wrong);
  expect(code).toBe(1);
  expect(output.split('\n').filter((line) => line !== '')).toHaveLength(2);
  expect(output).toMatch(/:8:20: policies\.chain\[0\]: .*Did you mean "audit-logger"\?/);
  written.length = 0;
  expect(await run('check', join(folder, 'nowhere.yaml'))).toMatchObject({ code: 2 });
});

test('schema prints the JSON Schema for editors', async () => {
  expect(JSON.parse((await run('schema')).output)).toMatchObject({ $id: JSON_SCHEMA_ID });
});

const GOVERNED = `pack: {name: p, version: 1.0.0, enabled: true}
providers: {targets: [{id: one, provider: 'openai-compatible:chat:m', base_url: 'https://x.net'}]}
policies: {chain: [pii-detector, rbac, safety-filter]}
policy:
  rbac: {roles: {engineer: {allowed_models: [m], max_tokens_per_request: 100}}}
  safety-filter: {target: one, format: llama-guard}
`;

function sampleOf(content: string): string {
  const file = join(folder, 'request.json');
  writeFileSync(file, JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] }));
  return file;
}

test('check --explain says where a request goes, what is found in it, and what would be sent', async () => {
  const { output, code } = await run(
    ...['check', fileOf(GOVERNED), '--explain', sampleOf('Write to a@b.net'), '--role', 'engineer'],
  );
  expect(code).toBe(0);
  expect(output).toContain('route    one (weight 1)');
  expect(output).toContain('finding  pii-detector: EMAIL_ADDRESS, once: redact');
  expect(output).toContain('untried  safety-filter');
  expect(output).toContain('outcome  allowed');
  expect(output).toContain('"content":"Write to <EMAIL_1>"');
  expect(output).toContain('"max_tokens":100');
});

test('check --explain says why a request is refused, in JSON too, and that is no fault of the file', async () => {
  const { output, code } = await run(
    ...['check', fileOf(GOVERNED), '--json', '--explain', sampleOf('Hi'), '--role', 'stranger'],
  );
  expect(code).toBe(0);
  expect(JSON.parse(output)).toMatchObject({
    valid: true,
    explanation: { model: 'm', denial: { code: 'no_role', status: 403 }, rewritten: null },
  });
});

describe('check --explain --answer', () => {
  const answering = (settings: string): string =>
    fileOf(`pack: {name: p, version: 1.0.0, enabled: true}
providers: {targets: [{id: one, provider: 'openai-compatible:chat:m', base_url: 'https://x.net'}]}
policies: {chain: [pii-detector]}
policy: {pii-detector: ${settings}}
`);
  const answerOf = (text: string): string => {
    const file = join(folder, 'answer.json');
    writeFileSync(file, text);
    return file;
  };
  const explained = (file: string, request: string, answer: string, ...more: string[]) =>
    run('check', file, '--explain', sampleOf(request), '--answer', answerOf(answer), ...more);

  test('says what is found in an answer, and what its caller would get, numbered on from the request', async () => {
    const file = answering('{apply_to: [input, output]}');
    const { output, code } = await explained(file, 'I am a@b.net', 'Not c@d.net, but a@b.net');
    expect(code).toBe(0);
    const [, ofAnswer] = output.split('The answer\n');
    expect(ofAnswer).toBe(
      `  finding  pii-detector: EMAIL_ADDRESS, 2 times: redact
  outcome  given
  given    Not <EMAIL_2>, but <EMAIL_1>
`.replace('twice', '2 times'),
    );
  });

  test('says what blocks an answer, in JSON too, and gives nothing of it', async () => {
    const file = answering('{apply_to: [output], action: block}');
    expect((await explained(file, 'Hi', 'To c@d.net')).output).toContain(
      'outcome  refused with output_blocked by pii-detector (EMAIL_ADDRESS)',
    );
    written.length = 0;
    const { output } = await explained(file, 'Hi', 'To c@d.net', '--json');
    expect(output).not.toContain('c@d');
    expect(JSON.parse(output).explanation.answer).toMatchObject({
      refused: { policy: 'pii-detector', rule: 'EMAIL_ADDRESS' },
      rewritten: null,
    });
    written.length = 0;
    expect((await explained(file, 'Hi', '')).output).toContain('502 upstream_unexpected');
  });

  test('says that nothing looks at answers, and puts back what the request asks for', async () => {
    const { output } = await explained(answering('{}'), 'Hi', 'To c@d.net');
    expect(output).toContain('looked   by no policy');
    expect(output).toContain('outcome  given as it came');
    written.length = 0;
    const restored = await explained(answering('{restore: true}'), 'I am a@b.net', 'You are <EMAIL_1>');
    expect(restored.output).toContain('given    You are a@b.net');
  });

  test('is about an answer to a request that is let through', async () => {
    const file = answering('{action: block, apply_to: [input, output]}');
    expect((await explained(file, 'a@b.net', 'Yes')).output).not.toContain('The answer');
    await expect(run('check', file, '--answer', answerOf('Yes'))).rejects.toMatchObject({ exitCode: 2 });
    const embeddings = ['--endpoint', 'embeddings'];
    await expect(explained(file, 'Hi', 'Yes', ...embeddings)).rejects.toMatchObject({ exitCode: 2 });
  });
});

test('check --explain refuses a sample that is no request', async () => {
  const sample = join(folder, 'request.json');
  writeFileSync(sample, '[]');
  await expect(run('check', fileOf(GOVERNED), '--explain', sample)).rejects.toMatchObject({
    exitCode: 2,
    message: expect.stringMatching(/JSON body of a request/),
  });
  await expect(run('check', fileOf(GOVERNED), '--explain', join(folder, 'none'))).rejects.toMatchObject({
    exitCode: 2,
  });
});

test('check passes on what another package says: warnings, which --strict makes failures, refusals and problems', async () => {
  const warning = { code: 'w', subject: 'm', message: 'It ends.' };
  const warns: Advise = async () => ({
    problems: [],
    warnings: [warning],
    refusals: new Map([['m', { code: 'barred', status: 403, message: 'Not here.' } as const]]),
  });
  const file = fileOf(GOVERNED);
  const plain = await runAdvised(warns, 'check', file);
  expect(plain.code).toBe(0);
  expect(plain.output).toContain('warning: m: It ends.\n');
  written.length = 0;
  expect((await runAdvised(warns, 'check', file, '--strict')).code).toBe(1);
  written.length = 0;
  const { output } = await runAdvised(
    warns,
    'check',
    file,
    '--json',
    '--explain',
    sampleOf('Hi'),
    '--role',
    'engineer',
  );
  expect(JSON.parse(output)).toMatchObject({
    warnings: [warning],
    explanation: { denial: { policy: 'catalog', code: 'barred', status: 403 } },
  });
  written.length = 0;
  const problem = {
    code: 'contradiction',
    message: 'No.',
    file: 'c.yaml',
    line: 3,
    column: 2,
    path: 'rows[0]',
  } as const;
  const refuses: Advise = async () => ({ problems: [problem], warnings: [], refusals: new Map() });
  expect(await runAdvised(refuses, 'check', file)).toEqual({ output: 'c.yaml:3:2: rows[0]: No.\n', code: 1 });
});
