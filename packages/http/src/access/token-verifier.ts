import type { DirectoryView } from '../directory-view/directory-view.ts';
import { HttpProblem, PROBLEMS } from '../errors.ts';
import { type HeldRole, type Principal, scopesOf } from './principal.ts';
import { hashCredential, parseBearer } from './tokens.ts';

/** Turns an `authorization` header into whoever presents it. */
export interface TokenVerifier {
  /** @throws HttpProblem 401 `token_missing`, `token_invalid` or `token_expired` */
  verify(authorization: string | undefined): Principal;
}

export type TokenVerifierOptions = {
  readonly view: DirectoryView;
  /** Milliseconds since 1970. */
  readonly now?: () => number;
};

/**
 * Verifies access tokens against the directory's state in memory.
 *
 * A token that names roles or scopes has exactly these; one that names none has whatever roles its principal holds
 * at that moment, by group or by a grant that has not expired. Its team, if it has one, narrows either.
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { view, now = Date.now } = options;
  return {
    verify(authorization) {
      const secret = parseBearer(authorization);
      if (secret === null) {
        throw unauthenticated(
          PROBLEMS.tokenMissing,
          'send `authorization: Bearer tgs_…`',
          'Bearer realm="tollgate"',
        );
      }
      const known = view.accessTokenByHash(hashCredential(secret));
      if (known === undefined) {
        throw unauthenticated(PROBLEMS.tokenInvalid, 'the token is unknown or was revoked: use another');
      }
      const nowMs = now();
      if (nowMs >= known.expiresAtMs) {
        throw unauthenticated(PROBLEMS.tokenExpired, 'the token has expired: have a new one made');
      }
      const { token } = known;
      const named = token.roles.length > 0 || token.scopes.length > 0;
      const roles: HeldRole[] = named
        ? token.roles.map((role) => ({ role, teamId: token.team_id }))
        : view
            .rolesOf(token.principal_id, nowMs)
            .filter((held) => held.organisationId === token.organisation_id)
            .map(({ role, teamId }) => ({ role, teamId }));
      return {
        type: token.principal_type,
        id: token.principal_id,
        credentialId: token.id,
        organisationId: token.organisation_id,
        roles,
        scopes: scopesOf(token.organisation_id, roles, token.scopes, token.team_id),
      };
    },
  };
}

function unauthenticated(
  kind: (typeof PROBLEMS)['tokenMissing' | 'tokenInvalid' | 'tokenExpired'],
  detail: string,
  challenge = 'Bearer realm="tollgate", error="invalid_token"',
): HttpProblem {
  return new HttpProblem(kind, detail, { headers: { 'www-authenticate': challenge } });
}
