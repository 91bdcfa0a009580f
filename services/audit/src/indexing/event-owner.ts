import type { Envelope } from '@tollgate/events';

/** Whose an event is, as far as it says; ids that nobody could have are left out. */
export interface EventOwner {
  readonly organisationId: string | null;
  readonly teamId: string | null;
}

const MAX_ID_LENGTH = 128;
const NUL = '\u0000';

/** Whose event it is: by its attribution, as the entity it states, or by its own members. */
export function ownerOf(data: Envelope['data']): EventOwner {
  const owner = [data['attribution'], data['entity']].find(isObject) ?? data;
  return { organisationId: opaqueId(owner['organisation_id']), teamId: opaqueId(owner['team_id']) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function opaqueId(value: unknown): string | null {
  const usable = typeof value === 'string' && value.length > 0 && value.length <= MAX_ID_LENGTH;
  return usable && !value.includes(NUL) ? value : null;
}
