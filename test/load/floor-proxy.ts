/**
 * The floor: a proxy that does nothing but what any JSON gateway in Node must, `node:http` in front and undici's
 * `request` behind, JSON parsed both ways. `node floor-proxy.ts PORT UPSTREAM_URL TOKEN`.
 */
import { createServer, type ServerResponse } from 'node:http';
import { Pool } from 'undici';

const [port = '', upstreamUrl = '', token = ''] = process.argv.slice(2);
const url = new URL(upstreamUrl);
const pool = new Pool(url.origin, { connections: 256, pipelining: 1, allowH2: false });

createServer({ keepAliveTimeout: 65_000, noDelay: true }, (req, res) => {
  if (req.method === 'GET') {
    res.end();
    return;
  }
  const chunks: Buffer[] = [];
  req.on('data', (chunk: Buffer) => chunks.push(chunk));
  req.on('end', () => {
    const asked: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof asked === 'object' && asked !== null && 'stream' in asked && asked.stream === true) {
      void passOn(asked, res);
      return;
    }
    void forward(asked).then(({ status, answer }) => {
      const body = Buffer.from(JSON.stringify(answer));
      res.writeHead(status, { 'content-type': 'application/json', 'content-length': body.length });
      res.end(body);
    });
  });
}).listen(Number(port), '127.0.0.1', 4096);

/** Streams go on as they come. */
async function passOn(body: unknown, res: ServerResponse): Promise<void> {
  const response = await ask(body);
  res.writeHead(response.statusCode, { 'content-type': 'text/event-stream' });
  response.body.pipe(res);
}

async function forward(body: unknown): Promise<{ status: number; answer: unknown }> {
  const response = await ask(body);
  return { status: response.statusCode, answer: await response.body.json() };
}

function ask(body: unknown) {
  return pool.request({
    method: 'POST',
    path: `${url.pathname}/chat/completions`,
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  });
}
