import { z } from 'zod';

/** What the commands that ask the service are configured with. */
export const clientEnvironment = z.object({
  TOLLGATE_AUDIT_URL: z.url().default('http://127.0.0.1:41011'),
  TOLLGATE_TOKEN: z.string(),
});
