import { HttpProblem, PROBLEMS, type Route, reaches, route } from '@tollgate/http';
import { PayloadSealingError } from '@tollgate/payload-sealing';
import { z } from 'zod';
import { VAULT_PROBLEMS } from '../../errors.ts';
import type { RecordReading } from '../../search/readings.ts';
import { takeBatch } from '../intake/take-batch.ts';
import { held } from '../scope.ts';
import type { VaultParts } from '../vault-parts.ts';

/** A gateway's batch is closed at one mebibyte; the last body of it may have four more. */
const MAX_BATCH_BYTES = 8 << 20;

const storedPayload = z
  .object({
    direction: z.enum(['request', 'response']),
    state: z.enum(['arriving', 'kept', 'erased']),
    content_type: z.string(),
    body_bytes: z.int(),
    kept_bytes: z.int(),
    truncated: z.boolean(),
    /** As the request's final usage event has it. */
    digest: z.string(),
    retain_until: z.string(),
    held: z.boolean(),
  })
  .meta({ id: 'StoredPayload' });

interface StoredRow {
  readonly direction: 'request' | 'response';
  readonly state: 'arriving' | 'kept' | 'erased';
  readonly content_type: string;
  readonly body_bytes: bigint;
  readonly kept_bytes: number;
  readonly digest: Buffer;
  readonly retain_until: string;
  readonly held: boolean;
  readonly organisation_id: string;
  readonly team_id: string;
}

/** What gateways hand in, and what is known of it without opening it. */
export function intakeRoutes(vault: VaultParts, record: RecordReading): Route[] {
  return [
    route({
      method: 'GET',
      path: '/v1/payloads/sealing-key',
      // A public key: whoever may ask anything may know it.
      access: { authenticated: true },
      operationId: 'getSealingKey',
      summary: 'The public key that gateways seal payloads to',
      description: 'X25519, for HPKE (RFC 9180). It changes when keys are rotated.',
      tag: 'payloads',
      answers: { 200: z.object({ key_id: z.string(), public_key: z.base64() }) },
      handle() {
        const { keyId, publicKey } = vault.sealing.current();
        return { status: 200, body: { key_id: keyId, public_key: publicKey } };
      },
    }),
    route({
      method: 'POST',
      path: '/v1/payloads/batches',
      access: { scope: 'payloads:store' },
      operationId: 'storePayloads',
      summary: 'Hand in a batch of sealed payloads',
      description: 'Idempotent by request and direction: a batch may be sent again until it is answered.',
      tag: 'payloads',
      takesBytes: true,
      bodyLimitBytes: MAX_BATCH_BYTES,
      answers: { 200: z.object({ stored: z.int(), passed_over: z.int() }) },
      problems: [VAULT_PROBLEMS.batchMalformed, VAULT_PROBLEMS.sealBroken, VAULT_PROBLEMS.keyUnknown],
      async handle({ bytes }) {
        try {
          const { stored, passedOver } = await takeBatch(vault, bytes);
          vault.observer.onBatch({ stored, passedOver, bytes: bytes.length });
          return { status: 200, body: { stored, passed_over: passedOver } };
        } catch (error) {
          if (!(error instanceof PayloadSealingError)) throw error;
          vault.observer.onRefusedBatch(error.code);
          throw refusalOf(error);
        }
      },
    }),
    route({
      method: 'GET',
      path: '/v1/requests/:id/payloads',
      access: { scope: 'audit:read' },
      operationId: 'listPayloads',
      summary: 'What the vault keeps of a request, unopened',
      tag: 'payloads',
      params: z.object({ id: z.uuid() }),
      answers: { 200: z.object({ request_id: z.string(), payloads: z.array(storedPayload) }) },
      problems: [PROBLEMS.notFound],
      async handle({ params, reach, principal }) {
        await record({
          principal,
          action: 'audit.read-request',
          target: params.id,
          details: { payloads: true },
        });
        const { rows } = await vault.pool.query<StoredRow>(
          `SELECT direction, state, content_type, body_bytes, kept_bytes, digest, retain_until, ${held('p')} AS held,
             organisation_id, team_id
           FROM vault_payload p WHERE request_id = $1 ORDER BY direction`,
          [params.id],
        );
        const seen = rows.filter((row) => reaches(reach, row.organisation_id, row.team_id));
        if (seen.length === 0) {
          throw new HttpProblem(
            PROBLEMS.notFound,
            "the vault knows nothing of that request within the token's reach",
          );
        }
        return { status: 200, body: { request_id: params.id, payloads: seen.map(viewOf) } };
      },
    }),
  ];
}

function viewOf(row: StoredRow): z.input<typeof storedPayload> {
  const bodyBytes = Number(row.body_bytes);
  return {
    direction: row.direction,
    state: row.state,
    content_type: row.content_type,
    body_bytes: bodyBytes,
    kept_bytes: row.kept_bytes,
    truncated: row.kept_bytes < bodyBytes,
    digest: row.digest.toString('hex'),
    retain_until: row.retain_until,
    held: row.held,
  };
}

function refusalOf(error: PayloadSealingError): HttpProblem {
  switch (error.code) {
    case 'key_unknown':
      return new HttpProblem(VAULT_PROBLEMS.keyUnknown, error.message, { cause: error });
    case 'batch_malformed':
      return new HttpProblem(VAULT_PROBLEMS.batchMalformed, error.message, { cause: error });
    case 'seal_broken':
    case 'key_invalid':
      return new HttpProblem(VAULT_PROBLEMS.sealBroken, error.message, { cause: error });
  }
}
