import { describe, expect, test } from 'vitest';
import { PolicyConfigError } from '../errors.ts';
import { parsePolicyConfig } from './load.ts';

const RIGHT = `pack: {name: p, version: 1.0.0, enabled: true}
providers:
  targets:
    - id: one
      provider: databricks:chat:m
      base_url: https://w.example.net/serving-endpoints
      secret_key_ref: {env: DATABRICKS_TOKEN}
policies:
  chain: [pii-detector, dlp-filter, prompt-injection, rbac]
policy:
  prompt-injection:
    threshold: 0.5
  pii-detector:
    entities: [PERSON, EMAIL_ADDRESS]
  dlp-filter:
    patterns:
      - name: a
        regex: 'a+b'
  rbac:
    roles:
      analyst:
        allowed_models: [m]
        max_tokens_per_request: 100
`;

const parse = (source: string | Uint8Array) => parsePolicyConfig(source, { env: {}, file: 'p.yaml' });

/** What is said of a file, a line for each problem. */
function said(source: string | Uint8Array): readonly string[] {
  try {
    parse(source);
    return [];
  } catch (error) {
    if (!(error instanceof PolicyConfigError)) throw error;
    return error.message.split('\n');
  }
}

/** The file with one thing written otherwise. */
function changed(from: string, to: string): string {
  expect(RIGHT).toContain(from);
  return RIGHT.replace(from, to);
}

describe('a plausible mistake is told in one line, with its place and what to do', () => {
  const inFile = (from: string, to: string) => () => changed(from, to);
  test.each<[string, () => string | Uint8Array, string]>([
    [
      'a line too far to the left',
      inFile('      base_url', '     base_url'),
      'p.yaml:6:1: The indentation does not fit: members of one mapping begin in one column, and so do the items of one list.',
    ],
    [
      'a tab',
      inFile('    - id: one', '\t- id: one'),
      'p.yaml:4:1: This line is indented by a tab: use spaces.',
    ],
    [
      'a field with another name',
      inFile('secret_key_ref', 'secret_ref'),
      'p.yaml:7:7: providers.targets[0].secret_ref: Nothing reads this field. Did you mean "secret_key_ref"?',
    ],
    [
      'a word where a number belongs',
      inFile(': 100', ': many'),
      'p.yaml:23:9: policy.rbac.roles.analyst.max_tokens_per_request: Expected a number, and this is a text. Write it in digits, without a unit or quotes.',
    ],
    [
      'a negative number',
      inFile(': 100', ': -1'),
      'p.yaml:23:9: policy.rbac.roles.analyst.max_tokens_per_request: Expected more than 0.',
    ],
    [
      'a threshold that is no part of one',
      inFile(': 0.5', ': 2'),
      'p.yaml:12:5: policy.prompt-injection.threshold: Expected at most 1.',
    ],
    [
      'a text where a list belongs',
      inFile('[m]', 'm'),
      'p.yaml:22:9: policy.rbac.roles.analyst.allowed_models: Expected a list, and this is a text. Write it in brackets: [ ].',
    ],
    [
      'yes',
      inFile('enabled: true', 'enabled: yes'),
      'p.yaml:1:33: pack.enabled: Expected true or false, and this is a text. YAML 1.2 takes no yes, no, on or off.',
    ],
    [
      'a version that is a number',
      inFile('1.0.0', '1.0'),
      'p.yaml:1:17: pack.version: Expected a text, and this is a number. Put it in quotes.',
    ],
    [
      'a target twice',
      inFile(
        'policies:\n',
        `    - {id: one, provider: 'openai-compatible:chat:n', base_url: 'https://x.net'}\npolicies:\n`,
      ),
      'p.yaml:8:8: providers.targets[1].id: Another target is called "one".',
    ],
    [
      'a member twice',
      inFile('policy:\n', 'policy:\n  rbac: {roles: {}}\n'),
      'p.yaml:20:3: This member stands here twice: remove one, or put both together.',
    ],
    [
      'a bad expression',
      inFile("'a+b'", "'a(b'"),
      'p.yaml:18:9: policy.dlp-filter.patterns[0].regex: This is no regular expression of RE2 (missing closing )); look-around and back-references are not in it.',
    ],
    [
      'an expression in double quotes',
      inFile("'a+b'", '"a\\d"'),
      'p.yaml:18:18: In double quotes a backslash begins an escape: put it in single quotes, as regular expressions always.',
    ],
    [
      'half of an entity',
      inFile('EMAIL_ADDRESS', 'EMAIL'),
      'p.yaml:14:24: policy.pii-detector.entities[1]: Nothing here is called "EMAIL". Did you mean "EMAIL_ADDRESS"?',
    ],
    [
      'an action that there is not',
      inFile('    entities:', '    action: mask\n    entities:'),
      'p.yaml:14:5: policy.pii-detector.action: Expected one of "redact", "block", "flag".',
    ],
    [
      'an address without its scheme',
      inFile('https://w', 'w'),
      'p.yaml:6:7: providers.targets[0].base_url: Give an address that begins with https:// (or http://), without credentials, query or fragment.',
    ],
    [
      'a secret in place of its name',
      inFile('{env: DATABRICKS_TOKEN}', 'dapi-very-secret'),
      'p.yaml:7:7: providers.targets[0].secret_key_ref: Name the variable that holds the secret, {env: DATABRICKS_TOKEN}; the secret itself does not belong into this file.',
    ],
    [
      'a colon in a text',
      inFile('name: p,', 'name: p: q,'),
      'p.yaml:1:14: A value within { } or [ ] that holds a colon has to be in quotes.',
    ],
    [
      'two documents',
      () => `${RIGHT}---\n${RIGHT}`,
      'p.yaml:24:1: A second document begins here, and a file holds one: remove the --- line, or what follows.',
    ],
    [
      'an alias of nothing',
      inFile('[m]', '*models'),
      'p.yaml:22:25: No anchor before this is called "models": write &models where the value first stands.',
    ],
    ['nothing', () => '', 'p.yaml: The file is empty, or holds comments alone.'],
    ['comments', () => '# nothing yet\n', 'p.yaml: The file is empty, or holds comments alone.'],
    [
      'a list',
      () => '- a\n- b\n',
      'p.yaml:1:1: Expected a mapping with pack, policies and, as a rule, providers.',
    ],
    [
      'more than anybody writes',
      () => `${RIGHT}# ${'x'.repeat(1024 * 1024)}\n`,
      'p.yaml: The file is longer than 1048576 bytes: is it the right one?',
    ],
    [
      'UTF-16',
      () => Buffer.from(`\ufeff${RIGHT}`, 'utf16le'),
      'p.yaml: The file is no UTF-8 text: save it as UTF-8.',
    ],
    [
      'Latin-1',
      () => Buffer.from(RIGHT.replace('name: p,', 'name: Büro,'), 'latin1'),
      'p.yaml: The file is no UTF-8 text: save it as UTF-8.',
    ],
    [
      'aliases of aliases',
      () => {
        const nine = (alias: string) => `[${Array.from({ length: 9 }, () => alias).join(', ')}]`;
        return `a: &a ${nine('x')}\nb: &b ${nine('*a')}\nc: &c ${nine('*b')}\nd: &d ${nine('*c')}\npack: *d\n`;
      },
      'p.yaml: The aliases unfold into too much: write out what they stand for.',
    ],
  ])('%s', (_, source, line) => {
    expect(said(source())).toEqual([line]);
  });

  test('but nothing that the parser stumbles over is repeated, for it may be a secret', () => {
    expect(said(changed('{env: DATABRICKS_TOKEN}', '} dapi-very-secret')).join()).not.toContain('dapi');
  });
});

describe('what is no mistake', () => {
  const read = (source: string | Uint8Array) => {
    const { digest: _, ...config } = parse(source);
    return config;
  };

  test.each<[string, () => string | Uint8Array]>([
    ['lines that end as on Windows', () => RIGHT.replaceAll('\n', '\r\n')],
    ['a byte order mark', () => Buffer.from(`\ufeff${RIGHT}`)],
    ['a line that begins the document', () => `%YAML 1.2\n---\n${RIGHT}`],
    [
      'an anchor and its aliases',
      () => changed('[m]', '&models [m]').replace('name: a', 'name: &n a').replace("'a+b'", "'a+b' # *n"),
    ],
    ['a merge key', () => changed('        allowed_models: [m]\n', '        <<: {allowed_models: [m]}\n')],
  ])('%s', (_, source) => {
    expect(read(source())).toEqual(read(RIGHT));
  });

  test('does not move the places of mistakes', () => {
    const wrong = RIGHT.replace('EMAIL_ADDRESS', 'EMAIL');
    expect(said(wrong.replaceAll('\n', '\r\n'))).toEqual(said(wrong));
    expect(said(Buffer.from(`\ufeff${wrong.replace('pack', 'pak')}`))).toEqual(
      said(Buffer.from(wrong.replace('pack', 'pak'))),
    );
  });
});
