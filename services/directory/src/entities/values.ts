import { z } from 'zod';

const MAX_VERSION = 2_147_483_647;

/** One line of text: no control characters, no space at either end, whole characters only. */
export function line(maxLength: number) {
  return z
    .string()
    .max(maxLength)
    .regex(/^[!-~\u00a1-\uffff]([ -~\u00a0-\uffff]*[!-~\u00a1-\uffff])?$/, {
      error: 'must be one line of text without control characters or space at its ends',
    })
    .refine((text) => text.isWellFormed(), { error: 'must be whole Unicode characters' });
}

export const name = line(200);

/** An id as the directory mints them; its form is looser, since it is opaque. */
export const id = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:-]{0,127}$/, { error: 'must be an id' });

export const currency = z.string().regex(/^[A-Z]{3}$/, { error: 'must be an ISO 4217 code, such as EUR' });

/** The version that a change was made from: a change in between refuses it. */
export const version = z.int().min(1).max(MAX_VERSION);

/** RFC 3339 UTC. */
export const instant = z.iso.datetime();

/** Cost-allocation tags of a key. */
export const tags = z
  .record(z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}$/, { error: 'must be a tag name' }), line(256))
  .refine((all) => Object.keys(all).length <= MAX_TAGS, { error: 'at most 32 tags' });

export const MAX_TAGS = 32;
