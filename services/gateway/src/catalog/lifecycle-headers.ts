import type { Lifecycle } from '@tollgate/catalog';

/**
 * What answers of a model that ends soon, or has ended, say of it: `Deprecation` (RFC 9745) since when it is deprecated, and
 * `Sunset` (RFC 8594) when its name is answered no longer. Null where there is nothing to say.
 */
export function lifecycleHeaders({
  notice,
  deprecatedMs,
  goneMs,
}: Lifecycle): Readonly<Record<string, string>> | null {
  if (!notice) return null;
  const headers: Record<string, string> = {};
  if (deprecatedMs !== null) headers['deprecation'] = `@${Math.floor(deprecatedMs / 1000)}`;
  if (goneMs !== null) headers['sunset'] = new Date(goneMs).toUTCString();
  return Object.keys(headers).length === 0 ? null : headers;
}
