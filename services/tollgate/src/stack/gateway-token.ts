import type { DirectoryClient } from '@tollgate/directory';

/** Makes a token that allows what a gateway asks of the other services, and nothing else. */
export async function makeGatewayToken(directory: DirectoryClient): Promise<string> {
  const { secret } = await directory.accessTokens.create({
    principal_type: 'service',
    principal_id: 'gateway',
    name: 'gateway',
    scopes: ['gateway:register', 'gaps:read', 'budgets:lease', 'payloads:store'],
  });
  return secret;
}
