import { randomBytes } from 'node:crypto';
import { type Pool, transaction } from '@tollgate/database';
import { openGcm, PAYLOAD_KEY_BYTES, sealGcm } from '@tollgate/payload-sealing';
import { AuditError } from '../../errors.ts';
import { lockVault } from '../lock-vault.ts';
import type { KeySlots } from './key-slots.ts';
import type { MasterKey, Wrapped } from './master-key.ts';

/** Keys held in memory at most. */
const MAX_CACHED = 1024;
const NONCE_BYTES = 12;

export interface TeamDay {
  readonly organisationId: string;
  readonly teamId: string;
  /** `YYYY-MM-DD`, of UTC. */
  readonly day: string;
}

/** A key of a team and a day, unwrapped. */
export interface TeamDayKey {
  readonly slot: number;
  readonly key: Buffer;
}

/** What a payload's key is bound to: it unwraps in its own slot alone. */
export interface PayloadSlot {
  readonly slot: number;
  readonly requestId: string;
  readonly direction: string;
}

/** The keys that wrap payloads' keys, themselves wrapped by the master key, in slots of a file. */
export class TeamDayKeys {
  readonly #pool: Pool;
  readonly #slots: KeySlots;
  readonly #master: MasterKey;
  readonly #cache = new Map<number, Buffer>();

  constructor(parts: { readonly pool: Pool; readonly slots: KeySlots; readonly master: MasterKey }) {
    this.#pool = parts.pool;
    this.#slots = parts.slots;
    this.#master = parts.master;
  }

  /** The key of a team and day, made where there is none. */
  async forDay(of: TeamDay): Promise<TeamDayKey> {
    for (;;) {
      const slot = (await this.#find(of)) ?? (await this.#claim(of));
      const key = await this.bySlot(slot);
      if (key !== null) return { slot, key };
      // Its row is there and its key is not: whoever claimed it was killed in between, or does it right now.
      await this.#fill(slot);
    }
  }

  /** The key in a slot; null where it was never written or has been wiped. */
  async bySlot(slot: number): Promise<Buffer | null> {
    const cached = this.#cache.get(slot);
    if (cached !== undefined) return cached;
    const [content] = await this.#slots.read([slot]);
    if (content === undefined || content === null) return null;
    const key = await this.#master.unwrap(decode(content), aadOf(slot));
    if (this.#cache.size >= MAX_CACHED) this.#cache.clear();
    this.#cache.set(slot, key);
    return key;
  }

  /** Destroys keys for good. */
  async wipe(slots: readonly number[]): Promise<void> {
    await this.#slots.wipe(slots);
    for (const slot of slots) {
      this.#cache.get(slot)?.fill(0);
      this.#cache.delete(slot);
    }
  }

  /** Wraps a key by the master key that wraps now. False where there is nothing in the slot. */
  async rewrap(slot: number): Promise<boolean> {
    const [content] = await this.#slots.read([slot]);
    if (content === undefined || content === null) return false;
    const key = await this.#master.unwrap(decode(content), aadOf(slot));
    await this.#slots.write([{ slot, bytes: encode(await this.#master.wrap(key, aadOf(slot))) }]);
    return true;
  }

  async #find({ organisationId, teamId, day }: TeamDay): Promise<number | null> {
    const { rows } = await this.#pool.query<{ slot: bigint }>(
      `SELECT slot FROM vault_team_day
       WHERE organisation_id = $1 AND team_id = $2 AND day = $3 AND wiped_at IS NULL`,
      [organisationId, teamId, day],
    );
    return rows[0] === undefined ? null : Number(rows[0].slot);
  }

  async #claim(of: TeamDay): Promise<number> {
    const { rows } = await this.#pool.query<{ slot: bigint }>(
      `INSERT INTO vault_team_day (organisation_id, team_id, day) VALUES ($1, $2, $3)
       ON CONFLICT DO NOTHING RETURNING slot`,
      [of.organisationId, of.teamId, of.day],
    );
    const slot = rows[0] === undefined ? await this.#find(of) : Number(rows[0].slot);
    if (slot === null)
      throw new AuditError('vault_inconsistent', 'a key of a team and day came and went; try again');
    return slot;
  }

  /** One process at a time, over all replicas; the first one's key stays, and one that was wiped stays wiped. */
  async #fill(slot: number): Promise<void> {
    await transaction(this.#pool, async (tx) => {
      await lockVault(tx);
      const { rows } = await tx.query('SELECT FROM vault_team_day WHERE slot = $1 AND wiped_at IS NULL', [
        slot,
      ]);
      const [content] = await this.#slots.read([slot]);
      if (rows.length === 0 || content !== null) return;
      const wrapped = await this.#master.wrap(randomBytes(PAYLOAD_KEY_BYTES), aadOf(slot));
      await this.#slots.write([{ slot, bytes: encode(wrapped) }]);
    });
  }
}

/** A payload's key, wrapped: 60 bytes, for its slot. */
export function wrapPayloadKey(teamDay: Uint8Array, of: PayloadSlot, key: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  return Buffer.concat([nonce, sealGcm(teamDay, nonce, payloadAad(of), key)]);
}

/** @throws PayloadSealingError `seal_broken` */
export function unwrapPayloadKey(teamDay: Uint8Array, of: PayloadSlot, slot: Buffer): Buffer {
  const wrapped = slot.subarray(0, WRAPPED_PAYLOAD_KEY_BYTES);
  return openGcm(teamDay, wrapped.subarray(0, NONCE_BYTES), payloadAad(of), wrapped.subarray(NONCE_BYTES));
}

/** Nonce, key and tag. */
export const WRAPPED_PAYLOAD_KEY_BYTES = NONCE_BYTES + PAYLOAD_KEY_BYTES + 16;

function payloadAad({ slot, requestId, direction }: PayloadSlot): Buffer {
  return Buffer.from(`tollgate vault payload\n${slot}\n${requestId}\n${direction}\n`);
}

function aadOf(slot: number): Buffer {
  return Buffer.from(`tollgate vault team-day\n${slot}\n`);
}

/** Length of the master key's id (1 byte), the id, length of what is wrapped (2), what is wrapped. */
function encode({ keyId, bytes }: Wrapped): Buffer {
  const id = Buffer.from(keyId);
  const lengths = Buffer.alloc(2);
  lengths.writeUInt16BE(bytes.length);
  return Buffer.concat([Buffer.of(id.length), id, lengths, bytes]);
}

function decode(slot: Buffer): Wrapped {
  const idEnd = 1 + slot.readUInt8(0);
  const bytesAt = idEnd + 2;
  if (bytesAt > slot.length)
    throw new AuditError('vault_inconsistent', 'a key file holds no wrapped key where one has to be');
  return {
    keyId: slot.subarray(1, idEnd).toString(),
    bytes: slot.subarray(bytesAt, bytesAt + slot.readUInt16BE(idEnd)),
  };
}
