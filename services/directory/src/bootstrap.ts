import { mkdir, open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { mintCredential } from '@tollgate/http';
import { accessTokens } from './entities/access-tokens.ts';
import type { DirectoryWriter } from './store/directory-writer.ts';

/** The principal of the bootstrap token: a name, since there is no service principal yet. */
export const BOOTSTRAP_PRINCIPAL = 'bootstrap';

const OWNER_ONLY = 0o600;

/**
 * Where there is no access token at all, makes one with the role `platform` for the whole installation and writes it
 * to a file that its owner alone can read; it is shown nowhere else. The file is there before the token counts, so a
 * crash in between costs nothing: the next start makes another.
 *
 * @returns whether a token was made
 */
export async function bootstrapToken(writer: DirectoryWriter, file: string): Promise<boolean> {
  return writer.change('system', async (change) => {
    await change.tx.query("SELECT pg_advisory_xact_lock(hashtextextended('directory.bootstrap', 0))");
    const { rows } = await change.tx.query('SELECT 1 FROM access_token LIMIT 1');
    if (rows.length > 0) return false;
    const { secret, sha256 } = mintCredential('token');
    const values = {
      organisation_id: null,
      principal_type: 'service',
      principal_id: BOOTSTRAP_PRINCIPAL,
      name: 'bootstrap',
      sha256,
      roles: ['platform'],
      scopes: [],
      team_id: null,
      expires_at: null,
    };
    await change.create(accessTokens, writer.newId(accessTokens), values, 'access-token.bootstrap');
    await writeSecret(file, `${secret}\n`);
    return true;
  });
}

/** Whole or not at all, and never readable by others, not even for a moment. */
async function writeSecret(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true });
  const temporary = `${file}.new`;
  await rm(temporary, { force: true });
  const handle = await open(temporary, 'wx', OWNER_ONLY);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
}
