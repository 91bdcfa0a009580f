/** The code of an error that has one, such as `ENOENT` of the file system or `23505` of Postgres; else null. */
export function errorCode(error: unknown): string | null {
  const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return typeof code === 'string' ? code : null;
}

/** Whether the file or folder that was asked for is not there. */
export function isMissing(error: unknown): boolean {
  return errorCode(error) === 'ENOENT';
}
