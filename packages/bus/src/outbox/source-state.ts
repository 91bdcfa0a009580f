import { createPrivateKey, generateKeyPairSync, hash, type KeyObject, sign } from 'node:crypto';
import type { Transaction } from '@tollgate/database';
import { heartbeatSigningInput } from '@tollgate/events';

/** How far a schema's source has come; moves in the transaction that numbers events. */
export type SourceState = {
  readonly service: string;
  /** `/services/<service>/<epoch>`. */
  readonly source: string;
  readonly through: number;
  /** Events per type in 1..through. */
  readonly counts: Readonly<Record<string, number>>;
  /** SHA-256 over all events' bytes: h(n) = SHA-256(h(n−1) ‖ bytes n), h(0) = 32 zero bytes. */
  readonly chain: Buffer;
  /** Ids of the outbox rows that were numbered last and may not be published yet; the last has number `through`. */
  readonly pending: readonly bigint[];
  /** Ed25519, PKCS #8 DER. */
  readonly privateKey: Buffer;
  /** base64 of 32 bytes. */
  readonly publicKey: string;
};

export const FIRST_CHAIN = Buffer.alloc(32);

/** The chain after one more event, whose bytes lie behind free room for the chain. */
export function extendChain(chain: Buffer, roomAndBytes: Buffer): Buffer {
  chain.copy(roomAndBytes);
  return hash('sha256', roomAndBytes, 'buffer');
}

/** Locks the row: who holds it numbers alone. Null before the epoch has begun. */
export async function lockSourceState(tx: Transaction): Promise<SourceState | null> {
  return readState(tx, 'FOR UPDATE');
}

export async function readSourceState(tx: Transaction): Promise<SourceState | null> {
  return readState(tx, '');
}

async function readState(tx: Transaction, lock: 'FOR UPDATE' | ''): Promise<SourceState | null> {
  const { rows } = await tx.query<{
    service: string;
    epoch: string;
    through: bigint;
    counts: Record<string, number>;
    chain: Buffer;
    pending: bigint[];
    private_key: Buffer;
    public_key: Buffer;
  }>(
    `SELECT service, epoch, through, counts, chain, pending, private_key, public_key FROM outbox_source ${lock}`,
  );
  const [row] = rows;
  if (row === undefined) return null;
  return {
    service: row.service,
    source: `/services/${row.service}/${row.epoch}`,
    through: Number(row.through),
    counts: row.counts,
    chain: row.chain,
    pending: row.pending,
    privateKey: row.private_key,
    publicKey: row.public_key.toString('base64'),
  };
}

/** Begins the epoch with a key of its own. @returns whether it was begun here, rather than by another just before */
export async function createSourceState(tx: Transaction, service: string, epoch: string): Promise<boolean> {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const { rowCount } = await tx.query(
    `INSERT INTO outbox_source (service, epoch, through, counts, chain, private_key, public_key)
     VALUES ($1, $2, 0, '{}', $3, $4, $5) ON CONFLICT DO NOTHING`,
    [
      service,
      epoch,
      FIRST_CHAIN,
      privateKey.export({ format: 'der', type: 'pkcs8' }),
      rawPublicKey(publicKey),
    ],
  );
  return rowCount === 1;
}

/** Stores what numbering has led to, and which rows it has numbered. */
export async function storeProgress(
  tx: Transaction,
  progress: Pick<SourceState, 'through' | 'counts' | 'chain'>,
  pending: readonly bigint[],
): Promise<void> {
  await tx.query('UPDATE outbox_source SET through = $1, counts = $2, chain = $3, pending = $4', [
    progress.through,
    JSON.stringify(progress.counts),
    progress.chain,
    pending,
  ]);
}

/** The signature of a heartbeat, base64. */
export function signProgress(state: SourceState): string {
  const input = heartbeatSigningInput(state.source, state.through, state.chain.toString('hex'));
  const key = createPrivateKey({ key: state.privateKey, format: 'der', type: 'pkcs8' });
  return sign(null, input, key).toString('base64');
}

/** An Ed25519 key's SPKI form ends in its 32 bytes (RFC 8410). */
function rawPublicKey(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(-32);
}
