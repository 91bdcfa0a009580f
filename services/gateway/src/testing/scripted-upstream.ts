import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** An upstream that answers every call with what it was told to, cut where the test wants it. */
export interface ScriptedUpstream {
  readonly baseUrl: string;
  /** As they came, in their order. */
  readonly bodies: readonly string[];
  /** Calls that were closed before their answer was whole. */
  readonly cut: number;
  /** What comes next: a whole body, as JSON or as it is, or the pieces of a stream; a stream without an end stays open. */
  script(
    answer: object | string | readonly (string | Buffer)[],
    options?: { readonly staysOpen?: boolean },
  ): void;
  close(): Promise<void>;
}

export async function startScriptedUpstream(): Promise<ScriptedUpstream> {
  const bodies: string[] = [];
  let cut = 0;
  let answer: object | string | readonly (string | Buffer)[] = {};
  let staysOpen = false;
  const server = createServer(async (req, res) => {
    const chunks: Buffer[] = [];
    for await (const chunk of req) chunks.push(Buffer.from(chunk));
    bodies.push(Buffer.concat(chunks).toString('utf8'));
    res.on('close', () => {
      if (!res.writableFinished) cut += 1;
    });
    if (!Array.isArray(answer)) {
      res.writeHead(200, { 'content-type': 'application/json' });
      res.end(typeof answer === 'string' ? answer : JSON.stringify(answer));
      return;
    }
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    for (const piece of answer) await written(res, piece);
    if (!staysOpen) res.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/serving-endpoints`,
    bodies,
    get cut() {
      return cut;
    },
    script(next, options = {}) {
      answer = next;
      staysOpen = options.staysOpen ?? false;
    },
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
}

/** Each piece on its own, as far as sockets let one choose. */
async function written(res: ServerResponse, piece: string | Buffer): Promise<void> {
  if (res.destroyed) return;
  res.write(piece);
  await new Promise((next) => setImmediate(next));
}
