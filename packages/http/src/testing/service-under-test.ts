import { createLogger, createMetrics } from '@tollgate/telemetry';
import type { Principal } from '../access/principal.ts';
import type { Scope } from '../access/scopes.ts';
import type { TokenVerifier } from '../access/token-verifier.ts';
import { parseBearer } from '../access/tokens.ts';
import { HttpProblem, PROBLEMS } from '../errors.ts';
import { createHttpService, type HttpServiceOptions } from '../service/http-service.ts';

/** Lets in tokens of the form `scope,scope`, for the whole installation. */
export const scopesAsToken: TokenVerifier = {
  verify(authorization): Principal {
    const token = parseBearer(authorization);
    if (token === null) throw new HttpProblem(PROBLEMS.tokenMissing, 'send a token');
    const everything = { organisationId: null, teamIds: null };
    return {
      type: 'service',
      id: 'tester',
      credentialId: 'tok_1',
      organisationId: null,
      roles: [],
      scopes: new Map(token.split('_').map((scope) => [scope.replace('.', ':') as Scope, everything])),
    };
  },
};

/** A service of the given routes, whose tokens are `Bearer directory.read_directory.write`. */
export function serviceUnderTest(
  routes: HttpServiceOptions['routes'],
  options: Partial<HttpServiceOptions> = {},
) {
  return createHttpService({
    name: 'test',
    logger: createLogger({ service: 'test', level: 'silent' }),
    metrics: createMetrics(),
    verifier: scopesAsToken,
    routes,
    ...options,
  });
}
