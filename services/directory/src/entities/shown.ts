import { z } from 'zod';

/** What the API shows of any entity. */
export const shownBase = {
  id: z.string(),
  /** Counts up with each change. */
  version: z.int(),
  created_at: z.iso.datetime(),
  updated_at: z.iso.datetime(),
};
