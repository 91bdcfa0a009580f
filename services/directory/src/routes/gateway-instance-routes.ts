import { HttpProblem, PROBLEMS, type Route, reaches, route } from '@tollgate/http';
import { z } from 'zod';
import { gatewayInstances } from '../entities/gateway-instances.ts';
import { DIRECTORY_PROBLEMS } from '../errors.ts';
import { assertReach, type DirectoryWriter } from '../store/directory-writer.ts';
import { linksTo, shownSchema } from './entity-routes.ts';

const kind = gatewayInstances;
const shown = shownSchema(kind);

/** Registering a gateway's public key: repeatable; another key for a known instance takes `directory:write`. */
export function gatewayInstanceRoutes({ writer }: { readonly writer: DirectoryWriter }): Route[] {
  return [
    route({
      method: 'POST',
      path: `/v1/${kind.path}`,
      access: { scope: 'gateway:register' },
      operationId: 'registerGatewayInstance',
      summary: 'Register a gateway instance and its public key',
      description:
        'Repeatable with the same key. Another key for a known instance takes the scope `directory:write`.',
      tag: kind.path,
      body: z.strictObject({
        instance: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, { error: 'must be an instance name' }),
        public_key: z.string().regex(/^[A-Za-z0-9+/]{43}=$/, {
          error: 'must be the base64 of an Ed25519 public key of 32 bytes',
        }),
      }),
      answers: { 200: shown, 201: shown },
      problems: [PROBLEMS.outOfReach, DIRECTORY_PROBLEMS.instanceKeyDiffers, PROBLEMS.conflict],
      links: { 201: linksTo(kind) },
      async handle({ body, principal, reach }) {
        assertReach(kind, reach, body);
        const newId = writer.newId(kind);
        return writer.change(principal, async (change) => {
          // Registrations of one instance wait for each other, so that the second finds the first.
          await change.tx.query(
            "SELECT pg_advisory_xact_lock(hashtextextended('directory.gateway/' || $1, 0))",
            [body.instance],
          );
          const { rows } = await change.tx.query<{ id: string }>(
            'SELECT id FROM gateway_instance WHERE instance = $1',
            [body.instance],
          );
          const known = rows[0] === undefined ? undefined : await kind.store.lock(change.tx, rows[0].id);
          if (known === undefined) {
            const row = await change.create(kind, newId, body, 'gateway-instance.register');
            return { status: 201 as const, headers: { location: `/v1/${kind.path}/${row.id}` }, body: row };
          }
          if (known['public_key'] === body.public_key) return { status: 200 as const, body: known };
          const mayReplace = principal.scopes.get('directory:write');
          if (mayReplace === undefined || !reaches(mayReplace, null, null)) {
            throw new HttpProblem(
              DIRECTORY_PROBLEMS.instanceKeyDiffers,
              'the instance is registered with another key: changing it takes the scope directory:write',
            );
          }
          const values = { public_key: body.public_key };
          return {
            status: 200 as const,
            body: await change.update(kind, known, values, 'gateway-instance.replace-key'),
          };
        });
      },
    }),
  ];
}
