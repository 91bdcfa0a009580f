import { createHash } from 'node:crypto';
import { type Transaction, transaction } from '@tollgate/database';
import { type OpenedPayload, openBatch, type PayloadFacts } from '@tollgate/payload-sealing';
import { type TeamDayKey, wrapPayloadKey } from '../keys/team-day-keys.ts';
import { shareVault } from '../lock-vault.ts';
import { held, within } from '../scope.ts';
import type { VaultParts } from '../vault-parts.ts';

const DAY_MS = 86_400_000;
/** How often a key of a team and day may vanish under a batch before it is given up. */
const MAX_ATTEMPTS = 5;

/** What became of a batch's payloads. */
export interface Taken {
  readonly stored: number;
  /** Here already, or erased before they came. */
  readonly passedOver: number;
}

interface Placed {
  readonly record: OpenedPayload;
  readonly teamDay: TeamDayKey;
  readonly offset: number;
}

interface Arriving {
  readonly slot: bigint;
  readonly request_id: string;
  readonly direction: string;
}

/**
 * Stores the payloads of a batch. Idempotent by request and direction: each payload gets a row that says where its key
 * and its body will lie, then both are written there and synced, then the row says that it is kept. A process that is
 * killed in between leaves rows which the same batch, sent again, completes in the same places.
 *
 * @throws PayloadSealingError where the batch is none, or none of ours
 */
export async function takeBatch(vault: VaultParts, batch: Buffer): Promise<Taken> {
  const records = openBatch(batch, (id) => vault.sealing.find(id));
  const object = createHash('sha256').update(batch).digest('hex');
  for (let attempt = 1; ; attempt += 1) {
    const placed = await place(vault, records);
    const arriving = await begin(vault, object, placed);
    if (arriving === 'again') {
      if (attempt === MAX_ATTEMPTS)
        throw new Error('keys of a team and day vanish faster than payloads arrive');
      continue;
    }
    if (arriving.length > 0) {
      await write(vault, object, placed, arriving);
      await complete(vault, object, arriving);
    }
    return { stored: arriving.length, passedOver: records.length - arriving.length };
  }
}

async function place({ teamDays }: VaultParts, records: readonly OpenedPayload[]): Promise<Placed[]> {
  const keys = new Map<string, TeamDayKey>();
  const placed: Placed[] = [];
  let offset = 0;
  for (const record of records) {
    const { organisation_id: organisationId, team_id: teamId, requested_at } = record.facts;
    const day = new Date(requested_at).toISOString().slice(0, 10);
    const name = JSON.stringify([organisationId, teamId, day]);
    const teamDay = keys.get(name) ?? (await teamDays.forDay({ organisationId, teamId, day }));
    keys.set(name, teamDay);
    placed.push({ record, teamDay, offset });
    offset += record.ciphertext.length;
  }
  return placed;
}

/** Gives each new payload its row. `again` where a key of a team and day was wiped meanwhile. */
async function begin(
  vault: VaultParts,
  object: string,
  placed: readonly Placed[],
): Promise<Arriving[] | 'again'> {
  return transaction(vault.pool, async (tx) => {
    await shareVault(tx);
    const slots = [...new Set(placed.map(({ teamDay }) => teamDay.slot))];
    const { rowCount } = await tx.query(
      'SELECT FROM vault_team_day WHERE slot = ANY($1::bigint[]) AND wiped_at IS NULL',
      [slots],
    );
    if (rowCount !== slots.length) return 'again';
    for (const each of placed) await insert(vault, tx, object, each);
    const { rows } = await tx.query<Arriving>(
      "SELECT slot, request_id, direction FROM vault_payload WHERE object = $1 AND state = 'arriving'",
      [object],
    );
    return rows;
  });
}

/** A row for a payload, unless it has one. One that an erasure has named before it came is not let in, unless a hold keeps it. */
async function insert(
  { settings, now }: VaultParts,
  tx: Transaction,
  object: string,
  { record, teamDay, offset }: Placed,
): Promise<void> {
  const { facts, ciphertext } = record;
  await tx.query({
    name: 'vault-insert-payload',
    text: `INSERT INTO vault_payload AS p
        (request_id, direction, organisation_id, team_id, principal_type, principal_id, end_user, requested_at,
         retain_until, content_type, body_bytes, kept_bytes, digest, team_day, object, object_offset, object_bytes,
         received_at, state)
      SELECT n.*, 'arriving' FROM (SELECT $1::uuid AS request_id, $2::text AS direction, $3::text AS organisation_id,
         $4::text AS team_id, $5::text AS principal_type, $6::text AS principal_id, $7::text AS end_user,
         $8::timestamptz AS requested_at, $9::timestamptz AS retain_until, $10::text AS content_type,
         $11::bigint AS body_bytes, $12::int AS kept_bytes, $13::bytea AS digest, $14::bigint AS team_day,
         $15::text AS object, $16::int AS object_offset, $17::int AS object_bytes, $18::timestamptz AS received_at) n
      WHERE NOT EXISTS (SELECT FROM vault_erasure e WHERE e.cause = 'asked' AND ${within('n', 'e')}) OR ${held('n')}
      ON CONFLICT (request_id, direction) DO NOTHING`,
    values: [
      facts.request_id,
      facts.direction,
      facts.organisation_id,
      facts.team_id,
      facts.principal_type,
      facts.principal_id,
      facts.end_user,
      facts.requested_at,
      retainUntil(facts, settings.retentionDays),
      facts.content_type,
      facts.body_bytes,
      facts.kept_bytes,
      Buffer.from(facts.digest, 'hex'),
      teamDay.slot,
      object,
      offset,
      ciphertext.length,
      new Date(now()).toISOString(),
    ],
  });
}

/** Bodies and keys, synced. What is not arriving is left out: its bytes are zeros in the object. */
async function write(
  { bodies, payloadKeys }: VaultParts,
  object: string,
  placed: readonly Placed[],
  arriving: readonly Arriving[],
): Promise<void> {
  const slots = new Map(
    arriving.map(({ slot, request_id, direction }) => [`${request_id} ${direction}`, slot]),
  );
  const slotOf = ({ facts }: OpenedPayload) => slots.get(`${facts.request_id} ${facts.direction}`);
  await bodies.put(
    object,
    placed.map(({ record }) =>
      slotOf(record) === undefined ? Buffer.alloc(record.ciphertext.length) : record.ciphertext,
    ),
  );
  await payloadKeys.write(
    placed.flatMap(({ record, teamDay }) => {
      const slot = slotOf(record);
      if (slot === undefined) return [];
      const { request_id: requestId, direction } = record.facts;
      const of = { slot: Number(slot), requestId, direction };
      return [{ slot: of.slot, bytes: wrapPayloadKey(teamDay.key, of, record.key) }];
    }),
  );
}

/** The payloads are kept from now on; what was erased while it was being written is wiped again. */
async function complete(
  { pool, payloadKeys, bodies }: VaultParts,
  object: string,
  arriving: readonly Arriving[],
): Promise<void> {
  const { rows } = await pool.query<{ slot: bigint }>(
    `UPDATE vault_payload SET state = 'kept' WHERE slot = ANY($1::bigint[]) AND state = 'arriving' RETURNING slot`,
    [arriving.map(({ slot }) => String(slot))],
  );
  const kept = new Set(rows.map(({ slot }) => slot));
  const erased = arriving.filter(({ slot }) => !kept.has(slot)).map(({ slot }) => Number(slot));
  if (erased.length === 0) return;
  const { rows: stale } = await pool.query<{ offset: number; bytes: number }>(
    `SELECT object_offset AS offset, object_bytes AS bytes FROM vault_payload
     WHERE slot = ANY($1::bigint[]) AND state = 'erased'`,
    [erased.map(String)],
  );
  await payloadKeys.wipe(erased);
  await bodies.wipe(object, stale);
}

function retainUntil({ retain_until, requested_at }: PayloadFacts, days: number): string {
  return retain_until ?? new Date(Date.parse(requested_at) + days * DAY_MS).toISOString();
}
