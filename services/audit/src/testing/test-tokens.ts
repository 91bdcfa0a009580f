import { type AccessToken, directoryEntity, type Role } from '@tollgate/events';
import { DirectoryView, hashCredential } from '@tollgate/http';

/** What a token of a test may do, and whose it is. */
export interface TestGrant {
  /** The same one is the same person; each token is another's where it is left out. */
  readonly id?: string;
  readonly role?: Role;
  readonly scopes?: readonly string[];
  readonly teamId?: string;
  readonly organisationId?: string | null;
  readonly type?: AccessToken['principal_type'];
}

/** A directory of a test's own, which knows the tokens that were made of it. */
export class TestTokens {
  readonly view = new DirectoryView();
  #made = 0;

  /** Makes a token, and gives what to send. */
  make({ id, role, scopes = [], teamId, organisationId = null, type = 'service' }: TestGrant): string {
    this.#made += 1;
    const secret = `tgs_test${this.#made}`;
    this.view.applyEntity(
      directoryEntity.parse({
        kind: 'access-token',
        id: `tok_${this.#made}`,
        version: 1,
        deleted: false,
        organisation_id: organisationId,
        principal_type: type,
        principal_id: id ?? `principal_${this.#made}`,
        name: 'test',
        sha256: hashCredential(secret),
        roles: role === undefined ? [] : [role],
        scopes,
        team_id: teamId ?? null,
        expires_at: null,
      }),
    );
    return secret;
  }
}
