import { describe, expect, test } from 'vitest';
import type { StepVerdict } from '../chain/policy-step.ts';
import type { TextAction } from '../configuration/policies/policy-settings.ts';
import { PII_ENTITIES, type PiiEntity } from '../configuration/schema/policy-schemas.ts';
import { Redactions } from '../texts/redactions.ts';
import { piiDetector, piiFinder } from './pii-detector.ts';

const REGIONS = ['US', 'GB', 'DE', 'FR', 'ES', 'IT', 'NL', 'IN', 'BR', 'AU'];
const finder = piiFinder({ entities: PII_ENTITIES, phoneRegions: REGIONS });

/** What is found in a text, as label and text. */
const found = (text: string): string[] =>
  finder(text).map(({ start, end, label }) => `${label} ${text.slice(start, end)}`);

describe('e-mail addresses', () => {
  test.each([
    ['write to jane.doe@example.com.', 'jane.doe@example.com'],
    ['<first.last+tag@sub.example.co.uk>', 'first.last+tag@sub.example.co.uk'],
    ["o'brien_99@example.org, please", "o'brien_99@example.org"],
    ['müller@bücher.de schrieb', 'müller@bücher.de'],
    ['mailto:a%40example.com', 'a%40example.com'],
    ['почта@пример.рф', 'почта@пример.рф'],
    ['联系 zhang@example.cn。', 'zhang@example.cn'],
    ['A@B.IO', 'A@B.IO'],
    ['"x-y@my-host.museum"', 'x-y@my-host.museum'],
    ['one@example.com,two@example.com', 'one@example.com', 'two@example.com'],
  ])('in %j', (text, ...addresses) => {
    expect(found(text)).toEqual(addresses.map((address) => `EMAIL ${address}`));
  });

  test.each([
    '@example.com',
    'user@',
    'user@localhost',
    'user@x.',
    'a @ b.com',
    'logo@2x.png',
    '@property def f',
    'x@y.z1',
    'pkg@1.2.3',
  ])('not in %j', (text) => {
    expect(found(text)).toEqual([]);
  });
});

describe('telephone numbers', () => {
  test.each([
    ['call +1 (415) 555-2671 now', '+1 (415) 555-2671'],
    ['+49 30 901820', '+49 30 901820'],
    ['+442079460958', '+442079460958'],
    ['0033 1 42 68 53 00', '0033 1 42 68 53 00'],
    ['(212) 555-0199', '(212) 555-0199'],
    ['415-555-2671', '415-555-2671'],
    ['415.555.2671', '415.555.2671'],
    ['020 7946 0958', '020 7946 0958'],
    ['07700 900123', '07700 900123'],
    ['030 / 1234567', '030 / 1234567'],
    ['0171-2345678', '0171-2345678'],
    ['06 12 34 56 78', '06 12 34 56 78'],
    ['Llámame al 612 345 678', '612 345 678'],
    ['98765 43210', '98765 43210'],
    ['(11) 96123-4567', '(11) 96123-4567'],
    ['0412 345 678', '0412 345 678'],
    ['my phone is 4155552671', '4155552671'],
    ['Tel.: 5551234', '5551234'],
    ['+81-3-1234-5678', '+81-3-1234-5678'],
  ])('in %j', (text, number) => {
    expect(found(text)).toEqual([`PHONE ${number}`]);
  });

  test.each([
    'order 4155552671',
    'on 2024-01-15 10:30:00',
    '15/03/2024 and 01.02.2023',
    'v0.2.29 / 12.01.2017',
    '3.1415926535 or 0.6666666667',
    'ISBN 978-3-16-148410-0',
    'part 12-345-6789',
    '123-456-7890',
    '30 0d 06 09 01 01 01 05 00',
    'invoice 2023-000123-4567',
    'rows 1000000 to 2000000',
    '1,234,567,890 dollars',
    'commit 0123456789abcdef',
    'timestamp 1700000000',
  ])('not in %j', (text) => {
    expect(found(text).filter((span) => span.startsWith('PHONE'))).toEqual([]);
  });
});

describe('numbers with check digits, and addresses', () => {
  test.each([
    ['card 4111 1111 1111 1111', 'CREDIT_CARD 4111 1111 1111 1111'],
    ['5500005555555559', 'CREDIT_CARD 5500005555555559'],
    ['3782-822463-10005', 'CREDIT_CARD 3782-822463-10005'],
    ['6011 0009 9013 9424,', 'CREDIT_CARD 6011 0009 9013 9424'],
    ['2223003122003222', 'CREDIT_CARD 2223003122003222'],
    ['IBAN DE89 3704 0044 0532 0130 00.', 'IBAN DE89 3704 0044 0532 0130 00'],
    ['GB29NWBK60161331926819', 'IBAN GB29NWBK60161331926819'],
    ['fr14 2004 1010 0505 0001 3m02 606', 'IBAN fr14 2004 1010 0505 0001 3m02 606'],
    ['NO93 8601 1117 947', 'IBAN NO93 8601 1117 947'],
    ['SSN 123-45-6789', 'SSN 123-45-6789'],
    ['social security number: 123456789', 'SSN 123456789'],
    ['from 192.168.1.10:8080', 'IP 192.168.1.10'],
    ['10.0.0.1/24', 'IP 10.0.0.1'],
    ['at 2001:0db8:85a3::8a2e:0370:7334.', 'IP 2001:0db8:85a3::8a2e:0370:7334'],
    ['[fe80::1ff:fe23:4567:890a]', 'IP fe80::1ff:fe23:4567:890a'],
    ['::ffff:192.0.2.128', 'IP ::ffff:192.0.2.128'],
  ])('are found in %j', (text, span) => {
    expect(found(text)).toEqual([span]);
  });

  test.each([
    '4111 1111 1111 1112',
    '1234 5678 9012 3452',
    '0000 0000 0000 0000',
    'id 41111111111111110000000',
    'DE89 3704 0044 0532 0130 01',
    'XX89 3704 0044 0532 0130 00',
    'DE89370400440532013',
    '000-12-3456',
    '666-12-3456',
    '987-65-4321',
    '123-00-4567',
    '123-45-0000',
    '1123-45-67890',
    '256.1.1.1',
    '1.2.3.4.5',
    'version 10.2.3.4',
    '01.02.03.004',
    'std::vector<a::b>',
    'at 12:30:45',
    'aa:bb:cc:dd:ee:ff',
  ])('are not found in %j', (text) => {
    expect(found(text).filter((span) => !span.startsWith('PHONE'))).toEqual([]);
  });
});

describe('names of people', () => {
  test.each([
    ['Please ask John Smith about it.', 'John Smith'],
    ['MARIA GARCIA signed', 'MARIA GARCIA'],
    ['Mi nombre es María García López.', 'María García López'],
    ['Ich heiße Jürgen Müller und', 'Jürgen Müller'],
    ['Herr Schmidt kommt', 'Schmidt'],
    ["Je m'appelle Chloé Dupont", 'Chloé Dupont'],
    ['Meet Dr. Nguyen at noon', 'Nguyen'],
    ['my name is Xochitl', 'Xochitl'],
    ['Dear Alice, thanks', 'Alice'],
    ["It is Bob's laptop", 'Bob'],
    ['Smith, John', 'Smith, John'],
    ['Ludwig van Beethoven wrote', 'Ludwig van Beethoven'],
    ['George W. Bush', 'George W. Bush'],
    ['Меня зовут Иван Петров.', 'Иван Петров'],
    ['Jean-Luc Picard', 'Jean-Luc Picard'],
    ['Anna Kowalska i', 'Anna Kowalska'],
    ['by Giulia Rossi', 'Giulia Rossi'],
    ['Mark Johnson said', 'Mark Johnson'],
  ])('in %j', (text, name) => {
    expect(found(text)).toEqual([`PERSON ${name}`]);
  });

  test.each([
    'Apache Spark on Databricks in San Francisco',
    'Write a PySpark query to compute the average by Region.',
    'The Delta Lake table in May and June',
    'New York, Paris and Berlin',
    'A Promise is returned',
    'Jordan River, Austin Texas Office',
    'Der Umsatz in der Region Nord ist gestiegen',
    'Will this Mark the end? Grace is needed.',
    'Visual Studio Code and Microsoft Azure',
    'COUNT(*) FROM Orders WHERE Region = 1',
    'John-smith_2 JohnSmith john smith',
  ])('not in %j', (text) => {
    expect(found(text)).toEqual([]);
  });
});

function ask(action: TextAction, entities: readonly PiiEntity[], ...texts: string[]): StepVerdict {
  return piiDetector({ action, entities, phoneRegions: REGIONS, restore: false }).evaluate({
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

describe('pii-detector', () => {
  const TEXTS = ['Mail John Smith at j@x.net', 'again j@x.net', 'nothing'];

  test('redacts, and counts by entity', () => {
    const verdict = ask('redact', PII_ENTITIES, ...TEXTS);
    expect(verdict.texts).toEqual(['Mail <PERSON_1> at <EMAIL_1>', 'again <EMAIL_1>', 'nothing']);
    expect(verdict.findings).toEqual([
      { policy: 'pii-detector', rule: 'PERSON', action: 'redact', count: 1 },
      { policy: 'pii-detector', rule: 'EMAIL_ADDRESS', action: 'redact', count: 2 },
    ]);
  });

  test('blocks, naming what it found by its kind alone', () => {
    const { denial, texts } = ask('block', PII_ENTITIES, ...TEXTS);
    expect(denial).toMatchObject({ code: 'pii_detected', status: 400 });
    expect(denial?.message).toContain('PERSON, EMAIL_ADDRESS');
    expect(denial?.message).not.toMatch(/John|j@x/);
    expect(texts).toBeNull();
  });

  test('flags, and changes nothing', () => {
    expect(ask('flag', PII_ENTITIES, ...TEXTS)).toMatchObject({ denial: null, texts: null });
  });

  test('looks for nothing but what it was asked for', () => {
    expect(ask('redact', ['EMAIL_ADDRESS'], ...TEXTS).texts?.[0]).toBe('Mail John Smith at <EMAIL_1>');
    expect(ask('redact', ['PHONE_NUMBER', 'IBAN'], ...TEXTS).findings).toEqual([]);
  });
});
