import { type CountryCode, getExampleNumber, parsePhoneNumberFromString } from 'libphonenumber-js/max';
import examples from 'libphonenumber-js/mobile/examples';
import type { Random } from './random.ts';

/** What one entity looks like, and what only looks like it. */
export interface ValueKind {
  readonly entity: string;
  /** What spans of it are called. */
  readonly label: string;
  readonly value: (random: Random) => string;
  readonly nearMiss: (random: Random) => string;
}

const COUNTRIES: readonly CountryCode[] = [
  'US',
  'CA',
  'GB',
  'IE',
  'DE',
  'AT',
  'CH',
  'FR',
  'BE',
  'NL',
  'LU',
  'ES',
  'PT',
  'IT',
  'PL',
  'CZ',
  'SE',
  'NO',
  'DK',
  'FI',
  'GR',
  'TR',
  'RO',
  'HU',
  'UA',
  'IN',
  'PK',
  'JP',
  'KR',
  'CN',
  'SG',
  'AU',
  'NZ',
  'ZA',
  'NG',
  'KE',
  'EG',
  'IL',
  'AE',
  'BR',
  'AR',
  'MX',
  'CL',
  'CO',
];
/** Those whose own notation the policy reads unless it is told otherwise. */
const NATIONAL: readonly CountryCode[] = ['US', 'GB', 'DE', 'FR', 'ES', 'IT', 'NL', 'IN', 'BR', 'AU'];

/** The structure of an account number: length of the bank's part in letters (a) and digits (n). */
const IBANS: Readonly<Record<string, string>> = {
  DE: 'n18',
  FR: 'n20an2',
  GB: 'aaaan14',
  ES: 'n20',
  IT: 'an22',
  NL: 'aaaan10',
  BE: 'n12',
  AT: 'n16',
  CH: 'n17',
  PL: 'n24',
  SE: 'n20',
  NO: 'n11',
  DK: 'n14',
  FI: 'n14',
  PT: 'n21',
  IE: 'aaaan14',
  LU: 'n16',
  CZ: 'n20',
  GR: 'n23',
  HU: 'n24',
  RO: 'aaaan16',
  TR: 'n22',
  MT: 'aaaan23',
};

const CARDS = [
  { prefix: '4', length: 16 },
  { prefix: '51', length: 16 },
  { prefix: '55', length: 16 },
  { prefix: '2720', length: 16 },
  { prefix: '34', length: 15 },
  { prefix: '37', length: 15 },
  { prefix: '6011', length: 16 },
  { prefix: '36', length: 14 },
  { prefix: '3530', length: 16 },
  { prefix: '6221', length: 16 },
] as const;

const DOMAINS = [
  'acme.io',
  'mail.example.org',
  'uni-graz.at',
  'sub.dept.gov.uk',
  'gmail.com',
  'xn--bcher-kva.ch',
  'web.de',
  'company.technology',
  'a1.net',
] as const;

export const VALUE_KINDS: readonly ValueKind[] = [
  { entity: 'EMAIL_ADDRESS', label: 'EMAIL', value: email, nearMiss: notQuiteEmail },
  { entity: 'PHONE_NUMBER', label: 'PHONE', value: phone, nearMiss: notQuitePhone },
  {
    entity: 'CREDIT_CARD',
    label: 'CREDIT_CARD',
    value: (random) => card(random, 0),
    nearMiss: (random) => card(random, 1 + random.below(9)),
  },
  {
    entity: 'IBAN',
    label: 'IBAN',
    value: (random) => iban(random, 0),
    nearMiss: (random) => iban(random, 1 + random.below(90)),
  },
  {
    entity: 'US_SSN',
    label: 'SSN',
    value: (random) => ssn(random, String(1 + random.below(665)).padStart(3, '0')),
    nearMiss: (random) => ssn(random, random.from(['000', '666', '900', '999', '923'])),
  },
  { entity: 'IP_ADDRESS', label: 'IP', value: ip, nearMiss: notQuiteIp },
];

function email(random: Random): string {
  const name = random.letters(3 + random.below(6));
  const local = random.from([
    name,
    `${name}.${random.letters(5)}`,
    `${name}_${random.digits(2)}`,
    `${name}+news`,
    `${name}-${random.letters(3)}`,
    `${name[0]}.${name}`,
    name.toUpperCase(),
    `${random.digits(4)}${name}`,
    `o'${name}`,
  ]);
  const domain = random.from(DOMAINS);
  return `${local}${random.from(['@', '@', '@', '@', '%40'])}${random.below(6) === 0 ? domain.toUpperCase() : domain}`;
}

function notQuiteEmail(random: Random): string {
  const name = random.letters(5);
  return random.from([
    `@${name}`,
    `${name}@`,
    `${name}@localhost`,
    `${name} @ ${name}`,
    `${name}@2x.png`,
    `@${name}/core`,
    `npm i ${name}@1.4.${random.digits(1)}`,
    `${name}@${random.digits(2)}.${random.digits(2)}`,
    `git@${name}:`,
    `user@[host]`,
    `@Override ${name}`,
  ]);
}

function phone(random: Random): string {
  if (random.below(2) === 0) {
    const number = like(random, random.from(COUNTRIES));
    return random.from([
      number.formatInternational(),
      number.number,
      number.formatInternational().replaceAll(' ', '-'),
      number.formatInternational().replaceAll(' ', '.'),
      number.formatInternational().replaceAll(' ', '\u00a0'),
      `(+${number.countryCallingCode}) ${number.nationalNumber}`,
      number.formatInternational().replace('+', '00'),
    ]);
  }
  const number = like(random, random.from(NATIONAL));
  return random.from([
    number.formatNational(),
    number.formatNational(),
    number.formatNational().replaceAll(' ', '-').replaceAll('--', '-'),
  ]);
}

/** A valid number of a country, some of its digits changed. */
function like(random: Random, country: CountryCode) {
  const example = getExampleNumber(country, examples);
  if (example === undefined) throw new RangeError(`no number of ${country}`);
  const national = example.nationalNumber;
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const other = parsePhoneNumberFromString(national.slice(0, -4) + random.digits(4), country);
    if (other?.isValid() === true) return other;
  }
  return example;
}

function notQuitePhone(random: Random): string {
  const two = () => String(10 + random.below(19));
  return random.from([
    `2024-0${1 + random.below(9)}-${two()}`,
    `${two()}.0${1 + random.below(9)}.2023 ${two()}:${two()}`,
    `order ${random.digits(9)}`,
    `1${random.digits(9)}`,
    `${random.digits(3)},${random.digits(3)},${random.digits(3)}`,
    `v${random.digits(1)}.${random.digits(2)}.${random.digits(4)}`,
    `978-3-${random.digits(2)}-${random.digits(6)}-${random.digits(1)}`,
    `0.${random.digits(10)}`,
    `${random.digits(8)}-${random.digits(4)}-4${random.digits(3)}`,
    `${random.digits(2)}:${random.digits(2)}:${random.digits(2)}.${random.digits(6)}`,
    `rows ${random.digits(5)}-${random.digits(5)}`,
    `0x${random.digits(8)}`,
    `INV-${random.digits(4)}-${random.digits(5)}`,
    `sku ${random.digits(12)}`,
    `${random.digits(2)} x ${random.digits(2)} x ${random.digits(3)} mm`,
    `17${random.digits(8)}`,
    `build ${random.digits(7)}`,
    `#${random.digits(7)}`,
  ]);
}

function card(random: Random, wrong: number): string {
  const { prefix, length } = random.from(CARDS);
  const body = prefix + random.digits(length - prefix.length - 1);
  const check = (10 - (luhn(`${body}0`) % 10)) % 10;
  const digits = body + ((check + wrong) % 10);
  if (length !== 16)
    return random.from([digits, `${digits.slice(0, 4)} ${digits.slice(4, 10)} ${digits.slice(10)}`]);
  const groups = digits.match(/.{4}/g) ?? [];
  return random.from([digits, groups.join(' '), groups.join('-'), groups.join('\u00a0')]);
}

function luhn(digits: string): number {
  return [...digits].reverse().reduce((sum, digit, index) => {
    const value = Number(digit) * (index % 2 === 0 ? 1 : 2);
    return sum + (value > 9 ? value - 9 : value);
  }, 0);
}

function iban(random: Random, wrong: number): string {
  const country = random.from(Object.keys(IBANS));
  const bank = (IBANS[country] ?? '').replace(/a|n\d+/g, (part) =>
    part === 'a' ? random.letters(1).toUpperCase() : random.digits(Number(part.slice(1))),
  );
  const digits = [...`${bank}${country}00`].map((sign) => Number.parseInt(sign, 36)).join('');
  const sum = 98 - Number(BigInt(digits) % 97n) + wrong;
  const number = `${country}${String(sum > 98 ? sum - 96 : sum).padStart(2, '0')}${bank}`;
  return random.from([
    number,
    number.replace(/(.{4})(?=.)/g, '$1 '),
    number.replace(/(.{4})(?=.)/g, '$1-'),
    number.toLowerCase(),
  ]);
}

function ssn(random: Random, area: string): string {
  const separator = random.from(['-', '-', '-', ' ']);
  return [
    area,
    String(1 + random.below(99)).padStart(2, '0'),
    String(1 + random.below(9_999)).padStart(4, '0'),
  ].join(separator);
}

function ip(random: Random): string {
  const group = () => (1 + random.below(0xfffe)).toString(16);
  const octet = () => random.below(256);
  return random.from([
    () => `${1 + (octet() % 223)}.${octet()}.${octet()}.${octet()}`,
    () => `10.${octet()}.${octet()}.${octet()}`,
    () => `2001:db8:${group()}::${group()}`,
    () => Array.from({ length: 8 }, group).join(':'),
    () => `fe80::${group()}:${group()}:1a2b:${group()}`,
    () => `::ffff:192.0.2.${octet()}`,
  ])();
}

function notQuiteIp(random: Random): string {
  return random.from([
    `version 1.${random.below(30)}.${random.below(30)}.${random.below(9)}`,
    `${random.below(24)}:${random.below(50) + 10}:${random.below(50) + 10}`,
    `300.${random.below(255)}.1.1`,
    `1.2.3.4.${random.below(99)}`,
    `std::map<int,int>::iterator`,
    `aa:bb:cc:${random.digits(2)}:ee:ff`,
    `${random.digits(1)}.${random.digits(2)}.${random.digits(2)}`,
    `a::b`,
    `01.02.03.0${random.digits(2)}`,
    `key: value`,
    `sha256:${random.digits(8)}`,
  ]);
}
