import { openPayload, type PayloadDirection } from '@tollgate/payload-sealing';
import { unwrapPayloadKey, WRAPPED_PAYLOAD_KEY_BYTES } from '../keys/team-day-keys.ts';
import { type PayloadScope, SCOPE_PARAMETERS, scopeValues, within } from '../scope.ts';
import type { VaultParts } from '../vault-parts.ts';
import { type Needle, type ScanReport, scanFolders } from './scan.ts';

/** Payloads of an erasure that are looked for: each costs several searches of every byte. */
export const MAX_SAMPLES = 16;
/** Of a ciphertext, and of a plaintext. */
const WINDOW_BYTES = 48;

interface SampleRow {
  readonly slot: bigint;
  readonly request_id: string;
  readonly direction: PayloadDirection;
  readonly team_day: bigint;
  readonly object: string;
  readonly object_offset: number;
  readonly object_bytes: number;
}

/** What an erasure's verification found. */
export interface Verification extends ScanReport {
  /** Payloads that were looked for, of all that were erased. */
  readonly samples: number;
  /** How many of the bytes looked for were there before: what shows that looking finds them. */
  readonly foundBefore: number;
}

/**
 * Remembers, before an erasure, what has to be gone after it: of some payloads the key, the key as it is wrapped, the
 * salt, and a piece of both the body and its ciphertext. Only in memory.
 *
 * @returns what looks for it; to be called once the erasure is done
 */
export async function beforeErasure(
  vault: VaultParts,
  scope: PayloadScope,
): Promise<() => Promise<Verification>> {
  const { rows } = await vault.pool.query<SampleRow>(
    `SELECT p.slot, p.request_id, p.direction, p.team_day, object, object_offset, object_bytes
     FROM vault_payload p, ${SCOPE_PARAMETERS} s WHERE p.state = 'kept' AND ${within('p', 's')}
     ORDER BY p.slot DESC LIMIT ${MAX_SAMPLES}`,
    scopeValues(scope),
  );
  const needles: Needle[] = [];
  for (const row of rows) needles.push(...(await needlesOf(vault, row)));
  const { verifyFolders } = vault.settings;
  const before = await scanFolders(verifyFolders, needles);
  return async () => ({
    ...(await scanFolders(verifyFolders, needles)),
    samples: rows.length,
    foundBefore: new Set(before.found.map(({ what }) => what)).size,
  });
}

async function needlesOf(vault: VaultParts, row: SampleRow): Promise<Needle[]> {
  const slot = Number(row.slot);
  const name = `${row.request_id} ${row.direction}`;
  const [content] = await vault.payloadKeys.read([slot]);
  const teamDay = await vault.teamDays.bySlot(Number(row.team_day));
  if (content === undefined || content === null || teamDay === null) return [];
  const of = { slot, requestId: row.request_id, direction: row.direction };
  const key = unwrapPayloadKey(teamDay, of, content);
  const ciphertext = await vault.bodies.read(row.object, {
    offset: row.object_offset,
    bytes: row.object_bytes,
  });
  const { salt, body } = openPayload(of, key, ciphertext);
  return [
    ...everyForm(`the key of ${name}`, key),
    ...everyForm(`the wrapped key of ${name}`, content.subarray(0, WRAPPED_PAYLOAD_KEY_BYTES)),
    { what: `the ciphertext of ${name}`, bytes: ciphertext.subarray(0, WINDOW_BYTES) },
    { what: `the salt of ${name}`, bytes: salt },
    // A shorter one might be anywhere by chance.
    ...(body.length < WINDOW_BYTES ? [] : [{ what: `the body of ${name}`, bytes: middleOf(body) }]),
  ];
}

/** As bytes, and as the texts that bytes are written as. */
function everyForm(what: string, bytes: Buffer): Needle[] {
  return [
    { what, bytes: Buffer.from(bytes) },
    { what: `${what}, in hexadecimal`, bytes: Buffer.from(bytes.toString('hex')) },
    { what: `${what}, in base64`, bytes: Buffer.from(bytes.toString('base64')) },
  ];
}

function middleOf(body: Buffer): Buffer {
  const from = (body.length - WINDOW_BYTES) >> 1;
  return Buffer.from(body.subarray(from, from + WINDOW_BYTES));
}
