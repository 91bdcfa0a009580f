import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createSimulatedDatabricks,
  type SimulatedDatabricks,
  type SimulatedDatabricksOptions,
} from '@tollgate/simulated-databricks';

/** A simulated workspace behind a door that keeps the bodies of what is sent to it. */
export interface RecordingUpstream {
  /** What calls are sent below. */
  readonly baseUrl: string;
  readonly simulated: SimulatedDatabricks;
  /** As they came, in their order. */
  readonly bodies: readonly string[];
  readonly paths: readonly string[];
  readonly authorizations: readonly (string | undefined)[];
  close(): Promise<void>;
}

export async function startRecordingUpstream(
  options: SimulatedDatabricksOptions = {},
): Promise<RecordingUpstream> {
  const simulated = createSimulatedDatabricks(options);
  const behind = await simulated.listen();
  const bodies: string[] = [];
  const paths: string[] = [];
  const authorizations: (string | undefined)[] = [];
  const server = createServer(async (req, res) => {
    const body = await bodyOf(req);
    bodies.push(body.toString('utf8'));
    paths.push(req.url ?? '');
    authorizations.push(req.headers.authorization);
    const headers = { authorization: req.headers.authorization ?? '', 'content-type': 'application/json' };
    const answer = await fetch(behind + req.url, { method: 'POST', headers, body });
    res.writeHead(answer.status, { 'content-type': answer.headers.get('content-type') ?? '' });
    res.end(Buffer.from(await answer.arrayBuffer()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    baseUrl: `http://127.0.0.1:${port}/serving-endpoints`,
    simulated,
    bodies,
    paths,
    authorizations,
    async close() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
      await simulated.close();
    },
  };
}

async function bodyOf(req: IncomingMessage): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  for await (const chunk of req) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}
