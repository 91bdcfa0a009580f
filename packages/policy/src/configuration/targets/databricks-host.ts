import { at } from '../document/document.ts';

/** The workspace that `DATABRICKS_HOST` names, as an origin such as `https://adb-1.2.azuredatabricks.net`. */
export type WorkspaceOrigin = string;

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads `DATABRICKS_HOST`, with or without a scheme (https is meant) and trailing slash, as Databricks' own tools do;
 * `null` where it is not set. Throws `bad-databricks-host`.
 */
export function workspaceOrigin(env: Environment): WorkspaceOrigin | null {
  const text = env['DATABRICKS_HOST']?.trim();
  if (text === undefined || text === '') return null;
  const url = URL.parse(/^[a-z]+:\/\//i.test(text) ? text : `https://${text}`);
  const web = url !== null && (url.protocol === 'https:' || url.protocol === 'http:');
  if (!web || url.username !== '' || url.password !== '' || url.search !== '' || url.hash !== '') {
    throw at(
      'DATABRICKS_HOST',
      'bad-databricks-host',
      'Give the address of a workspace, such as https://adb-1234567890123456.7.azuredatabricks.net.',
    );
  }
  return url.origin;
}
