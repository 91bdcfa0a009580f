/** Who calls, as the directory knows the key at this moment. One object per version of a key, never changed. */
export interface Caller {
  readonly keyId: string;
  readonly organisationId: string;
  readonly teamId: string;
  readonly projectId: string | null;
  readonly costCentreId: string | null;
  readonly principalType: 'user' | 'service' | 'key';
  readonly principalId: string;
  readonly tags: Readonly<Record<string, string>>;
}

/**
 * Why a caller is not known; `directory_stale`: it might be one, but the directory's state is missing or too old. The last
 * five are said of tokens of the identity provider.
 */
export type Unauthenticated =
  | 'missing_api_key'
  | 'invalid_api_key'
  | 'expired_api_key'
  | 'directory_stale'
  | 'invalid_token'
  | 'expired_token'
  | 'identity_unavailable'
  | 'unknown_user'
  | 'no_team';

/**
 * Finds the caller by the values of the headers `authorization` and `origin` (which browsers send); asked once per
 * request, so it has to be a look-up in memory. A promise, which never rejects and has a deadline, where a token is seen
 * for the first time.
 */
export type Authenticate = (
  authorization: string | undefined,
  origin?: string | undefined,
) => Caller | Unauthenticated | Promise<Caller | Unauthenticated>;
