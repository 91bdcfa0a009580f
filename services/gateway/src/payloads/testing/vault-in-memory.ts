import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import {
  decryptPayload,
  formatSealingKey,
  newUnsealingKey,
  openBatch,
  type PayloadFacts,
  readUnsealingKey,
} from '@tollgate/payload-sealing';

export interface StoredPayload {
  readonly facts: PayloadFacts;
  readonly body: string;
}

/** What a gateway sees of a vault. */
export interface VaultInMemory {
  readonly url: string;
  readonly publicKey: string;
  /** By request id and direction. */
  readonly stored: Map<string, StoredPayload>;
  /** Batches that arrived. */
  batches: number;
  /** Answered instead of taking a batch; 0: it is taken. */
  status: number;
  close(): Promise<void>;
}

/** A vault that keeps everything in memory, opened. */
export async function startVaultInMemory(): Promise<VaultInMemory> {
  const key = readUnsealingKey(newUnsealingKey());
  const publicKey = formatSealingKey(key);
  const server = createServer((req, res) => {
    const answer = (status: number, body: object) => {
      res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    };
    if (req.url === '/v1/payloads/sealing-key') {
      answer(200, { key_id: key.id, public_key: publicKey });
      return;
    }
    void buffer(req).then((batch) => {
      vault.batches += 1;
      if (vault.status !== 0) {
        answer(vault.status, {
          code: vault.status === 400 ? 'batch_malformed' : 'unavailable',
          detail: 'as the test says',
        });
        return;
      }
      const records = openBatch(batch, (id) => (id === key.id ? key : undefined));
      for (const { facts, key: payloadKey, ciphertext } of records) {
        const { request_id: requestId, direction, digest } = facts;
        const body = decryptPayload({ requestId, direction, digest }, payloadKey, ciphertext).toString();
        vault.stored.set(`${requestId} ${direction}`, { facts, body });
      }
      answer(200, { stored: records.length });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const vault: VaultInMemory = {
    url: `http://127.0.0.1:${port}`,
    publicKey,
    stored: new Map(),
    batches: 0,
    status: 0,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return vault;
}
