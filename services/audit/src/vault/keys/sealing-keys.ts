import {
  formatSealingKey,
  newUnsealingKey,
  readUnsealingKey,
  type UnsealingKey,
} from '@tollgate/payload-sealing';
import { z } from 'zod';
import { AuditError } from '../../errors.ts';
import { makeSecret, readSecret, replaceSecret } from '../../files/secret-file.ts';
import type { MasterKey, Wrapped } from './master-key.ts';

/** Private keys that still open what gateways have not sent yet: the newest and the one before. */
const KEPT_KEYS = 2;
const AAD = Buffer.from('tollgate vault sealing key');

const fileShape = z.array(z.strictObject({ key_id: z.string(), wrapped: z.base64() })).min(1);

/** The vault's key pairs, the newest first; the private halves lie in a file, wrapped by the master key. */
export class SealingKeys {
  readonly #file: string;
  readonly #master: MasterKey;
  #keys: readonly UnsealingKey[];

  private constructor(file: string, master: MasterKey, keys: readonly UnsealingKey[]) {
    this.#file = file;
    this.#master = master;
    this.#keys = keys;
  }

  /** Makes a pair where there is none. @throws AuditError `vault_key` */
  static async open(file: string, master: MasterKey): Promise<SealingKeys> {
    if ((await readSecret(file)) === null) await makeSecret(file, await written([newUnsealingKey()], master));
    const lines = await readLines(file, master);
    return new SealingKeys(file, master, lines.map(readUnsealingKey));
  }

  /** What gateways seal to. */
  current(): { readonly keyId: string; readonly publicKey: string } {
    const [newest] = this.#keys;
    if (newest === undefined) throw new AuditError('vault_key', 'the vault has no sealing key');
    return { keyId: newest.id, publicKey: formatSealingKey(newest) };
  }

  find(id: string): UnsealingKey | undefined {
    return this.#keys.find((key) => key.id === id);
  }

  /** Makes a new pair, and destroys the one before the last: what was sealed to that can't be opened any more. */
  async rotate(): Promise<void> {
    const lines = await readLines(this.#file, this.#master);
    await this.#replace([newUnsealingKey(), ...lines].slice(0, KEPT_KEYS));
  }

  async #replace(lines: readonly string[]): Promise<void> {
    await replaceSecret(this.#file, await written(lines, this.#master));
    this.#keys = lines.map(readUnsealingKey);
  }
}

async function written(lines: readonly string[], master: MasterKey): Promise<string> {
  const all: z.input<typeof fileShape> = [];
  for (const line of lines) {
    const { keyId, bytes } = await master.wrap(Buffer.from(line), AAD);
    all.push({ key_id: keyId, wrapped: bytes.toString('base64') });
  }
  return `${JSON.stringify(all)}\n`;
}

async function readLines(file: string, master: MasterKey): Promise<string[]> {
  const parsed = fileShape.safeParse(parseJson((await readSecret(file)) ?? ''));
  if (!parsed.success) throw new AuditError('vault_key', `${file} holds no sealing keys: restore it`);
  const lines: string[] = [];
  for (const { key_id: keyId, wrapped } of parsed.data) {
    const sealed: Wrapped = { keyId, bytes: Buffer.from(wrapped, 'base64') };
    lines.push((await master.unwrap(sealed, AAD)).toString());
  }
  return lines;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
