import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { formatSealingKey, newUnsealingKey, openBatch, readUnsealingKey } from '@tollgate/payload-sealing';

/** What a gateway sees of the audit service: takes batches of payloads, opens their keys, and forgets them. */
export interface VaultStub {
  readonly url: string;
  /** Payloads that arrived. */
  payloads: number;
  stop(): Promise<void>;
}

export async function startVaultStub(): Promise<VaultStub> {
  const key = readUnsealingKey(newUnsealingKey());
  const server = createServer((req, res) => {
    const parts: Buffer[] = [];
    req.on('data', (part: Buffer) => parts.push(part));
    req.on('end', () => {
      res.setHeader('content-type', 'application/json');
      if (req.url === '/v1/payloads/sealing-key') {
        res.end(JSON.stringify({ key_id: key.id, public_key: formatSealingKey(key) }));
      } else if (req.url === '/v1/payloads/batches') {
        const { length } = openBatch(Buffer.concat(parts), (id) => (id === key.id ? key : undefined));
        stub.payloads += length;
        res.end(JSON.stringify({ stored: length, passed_over: 0 }));
      } else res.end(JSON.stringify({ gaps: [] }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const stub: VaultStub = {
    url: `http://127.0.0.1:${port}`,
    payloads: 0,
    stop: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  return stub;
}
