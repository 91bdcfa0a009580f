import type { PayloadStatement } from '@tollgate/events';
import { z } from 'zod';

/** What a usage event says of one body. */
export interface StatedPayload {
  readonly leafIndex: number;
  readonly direction: PayloadStatement['direction'];
  /** Null where the event's subject is none. */
  readonly requestId: string | null;
  readonly organisationId: string;
  readonly teamId: string;
  readonly principalId: string;
  /** Epoch milliseconds. */
  readonly requestedMs: number;
  /** Hexadecimal; null: the gateway lost the body before it could be stored. */
  readonly digest: string | null;
}

/** Most events state nothing: these bytes are looked for before one is parsed. */
const MARK = Buffer.from('"payloads":');

const stating = z.object({
  type: z.literal('tollgate.usage.v1'),
  subject: z.string(),
  data: z.object({
    requested_at: z.iso.datetime({ offset: true }),
    attribution: z.object({ organisation_id: z.string(), team_id: z.string(), principal_id: z.string() }),
    payloads: z.array(
      z.object({
        direction: z.enum(['request', 'response']),
        digest: z
          .string()
          .regex(/^[0-9a-f]{64}$/)
          .nullable(),
      }),
    ),
  }),
});

const UUID = z.uuid();

/** The payloads that an archived event states; of most events none. */
export function statedBy(leafIndex: number, bytes: Buffer): StatedPayload[] {
  if (!bytes.includes(MARK)) return [];
  const parsed = stating.safeParse(JSON.parse(bytes.toString('utf8')));
  if (!parsed.success) return [];
  const { subject, data } = parsed.data;
  const { organisation_id, team_id, principal_id } = data.attribution;
  return data.payloads.map(({ direction, digest }) => ({
    leafIndex,
    direction,
    requestId: UUID.safeParse(subject).success ? subject : null,
    organisationId: organisation_id,
    teamId: team_id,
    principalId: principal_id,
    requestedMs: Date.parse(data.requested_at),
    digest,
  }));
}
