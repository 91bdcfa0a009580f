import { randomBytes } from 'node:crypto';
import { migrate } from '@tollgate/database';
import type { Logger } from '@tollgate/telemetry';
import { serviceSchemas } from '../database/schemas.ts';

const PASSWORD_BYTES = 18;

/**
 * Brings every service's schema up to date, under a new password of its role.
 *
 * @returns the URL of each service's own role, by schema
 */
export async function migrateSchemas(ownerUrl: string, logger: Logger): Promise<Record<string, string>> {
  const urls: Record<string, string> = {};
  for (const service of await serviceSchemas()) {
    const rolePassword = randomBytes(PASSWORD_BYTES).toString('base64url');
    await migrate({ ownerUrl, ...service, rolePassword, logger });
    const url = new URL(ownerUrl);
    url.username = service.role;
    url.password = rolePassword;
    urls[service.schema] = url.toString();
  }
  return urls;
}
