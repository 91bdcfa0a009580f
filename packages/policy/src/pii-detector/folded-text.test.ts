import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PII_ENTITIES } from '../configuration/schema/policy-schemas.ts';
import { folded } from './folded-text.ts';
import { piiFinder } from './pii-detector.ts';

const find = piiFinder({ entities: PII_ENTITIES, phoneRegions: ['US', 'GB', 'DE'] });
const found = (text: string): string[] =>
  find(text).map(({ start, end, label }) => `${label} ${text.slice(start, end)}`);

const VALUES = [
  ['PHONE', '+49 30 901820'],
  ['CREDIT_CARD', '4111 1111 1111 1111'],
  ['SSN', '123-45-6789'],
  ['IP', '192.168.1.10'],
  ['IBAN', 'DE89 3704 0044 0532 0130 00'],
  ['EMAIL', 'jane.doe99@example.com'],
] as const;
const SCRIPTS = {
  'Arabic-Indic': 0x660,
  Persian: 0x6f0,
  Devanagari: 0x966,
  Thai: 0xe50,
  'full-width': 0xff10,
};

describe.each(Object.entries(SCRIPTS))('%s digits', (_, zero) => {
  test.each(VALUES)('are those of a value: %s', (label, value) => {
    const written = value.replace(/\d/g, (digit) => String.fromCharCode(zero + Number(digit)));
    expect(found(`it is ${written}, as said`)).toEqual([`${label} ${written}`]);
  });
});

describe('invisible characters', () => {
  test.each(['\u200b', '\u00ad', '\u2060', '\ufeff', '\u200d'])('do not hide a value: %j', (sign) => {
    for (const [label, value] of VALUES) {
      const written = [...value].join(sign);
      expect(found(`it is ${written}${sign}, as said`)).toEqual([`${label} ${written}`]);
    }
    expect(found(`Ask Jo${sign}hn Smith.`)).toEqual([`PERSON Jo${sign}hn Smith`]);
  });
});

test('full-width letters and signs are read as what they look like', () => {
  expect(found('ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ')).toEqual(['EMAIL ｊａｎｅ＠ｅｘａｍｐｌｅ．ｃｏｍ']);
  expect(found('＋４９　 tel ＋４９３０９０１８２０')).toEqual(['PHONE ＋４９３０９０１８２０']);
});

test('a text of ordinary characters is not copied', () => {
  expect(folded('plain, äöü, 忽略, Иван, “quoted” – 12 €')).toBeNull();
});

test('what is found is found at the same places, whatever invisible characters stand in between', () => {
  const pieces = fc.constantFrom(
    'John Smith',
    ' ',
    '+49 30 901820',
    'a@b.com',
    '\u200b',
    '\u00ad',
    '٣',
    'x',
    '.',
  );
  fc.assert(
    fc.property(fc.array(pieces), (parts) => {
      const text = parts.join('');
      for (const { start, end } of find(text)) {
        expect(start).toBeLessThan(end);
        expect(text.slice(start, end)).not.toMatch(/^\u200b|\u200b$|^\u00ad|\u00ad$/);
      }
    }),
  );
});
