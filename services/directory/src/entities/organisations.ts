import { z } from 'zod';
import { DIRECTORY_PROBLEMS, refuseField } from '../errors.ts';
import { EntityStore } from '../store/entity-table.ts';
import type { EntityKind, Values } from './entity-kind.ts';
import { shownBase } from './shown.ts';
import { currency, line, name } from './values.ts';

const timeZone = line(64);

/** A legal entity with its currency, which stays, and the time zone that its bills follow. */
export const organisations = {
  kind: 'organisation',
  noun: 'organisation',
  path: 'organisations',
  title: 'Organisation',
  idPrefix: 'org',
  store: new EntityStore({
    name: 'organisation',
    columns: ['name', 'currency', 'billing_time_zone'],
    organisationColumn: 'id',
    teamColumn: null,
  }),
  members: ['name', 'currency', 'billing_time_zone'],
  readScope: 'directory:read',
  writeScope: 'directory:write',
  shown: z.object({
    ...shownBase,
    name: z.string(),
    currency: z.string(),
    billing_time_zone: z.string(),
  }),
  creation: z.strictObject({ name, currency, billing_time_zone: timeZone.default('UTC') }),
  change: z.strictObject({ name: name.optional(), billing_time_zone: timeZone.optional() }),
  filters: ['name'],
  beforeCreate(values) {
    assertTimeZone(values);
    return values;
  },
  beforeChange: (_row, values) => assertTimeZone(values),
} as const satisfies EntityKind;

function assertTimeZone(values: Values): void {
  const zone = values['billing_time_zone'];
  if (typeof zone !== 'string') return;
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone });
  } catch (cause) {
    throw refuseField(
      DIRECTORY_PROBLEMS.invalidValue,
      'billing_time_zone',
      'must be an IANA time zone, such as Europe/Vienna',
      cause,
    );
  }
}
