import { z } from 'zod';
import { payloadScope } from './scope.ts';

/** A legal hold, as the API tells it. */
export const holdAnswer = z
  .object({
    hold_id: z.string(),
    scope: payloadScope,
    reason: z.string(),
    placed_by: z.string(),
    placed_at: z.string(),
    released_by: z.string().nullable(),
    released_at: z.string().nullable(),
  })
  .meta({ id: 'PayloadHold' });

/** What was found of erased payloads where the disk was read through. */
export const verificationAnswer = z
  .object({
    samples: z.int(),
    found_before: z.int(),
    folders: z.array(z.string()),
    files: z.int(),
    bytes: z.int(),
    found: z.array(z.object({ file: z.string(), what: z.string() })),
    unread: z.array(z.string()),
  })
  .meta({ id: 'ErasureVerification' });

/** An erasure that was carried out, and, where it was asked for, its verification. */
export const erasureAnswer = z.object({
  erasure_id: z.string(),
  erased_at: z.string(),
  payloads: z.int(),
  verification: verificationAnswer.nullable(),
});
