/**
 * An upstream whose streams last until it is told to end them: `node stream-upstream.ts PORT`.
 *
 * `POST /end` ends all streams; `GET /stats` tells how many are open and how much the floods have sent. A stream whose
 * body has `"flood": true` sends as much as is taken, without an end.
 */
import { createServer, type ServerResponse } from 'node:http';

/** How often a chunk goes out on each stream. */
const CHUNK_EVERY_MS = 5000;
const CHUNK = Buffer.from('data: {"choices":[{"index":0,"delta":{"content":"word "}}]}\n\n');
const FLOOD = Buffer.from(`data: {"choices":[{"index":0,"delta":{"content":"${'x'.repeat(16_000)}"}}]}\n\n`);
const END = Buffer.from(
  'data: {"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":5}}\n\ndata: [DONE]\n\n',
);
const ANSWER = Buffer.from('{"choices":[],"usage":{"prompt_tokens":5,"completion_tokens":5}}');
const BACKLOG = 4096;

const [port = ''] = process.argv.slice(2);
const streams = new Set<ServerResponse>();
let floodBytes = 0;

function flood(res: ServerResponse): void {
  while (!res.destroyed) {
    floodBytes += FLOOD.length;
    if (!res.write(FLOOD)) {
      res.once('drain', () => flood(res));
      return;
    }
  }
}

function stream(res: ServerResponse, floods: boolean): void {
  res.writeHead(200, { 'content-type': 'text/event-stream' });
  if (floods) {
    flood(res);
    return;
  }
  streams.add(res);
  res.on('close', () => streams.delete(res));
  res.write(CHUNK);
}

setInterval(() => {
  for (const res of streams) res.write(CHUNK);
}, CHUNK_EVERY_MS);

createServer({ keepAliveTimeout: 60_000, noDelay: true }, (req, res) => {
  const parts: Buffer[] = [];
  req.on('data', (part: Buffer) => parts.push(part));
  req.on('end', () => {
    if (req.url === '/end') {
      for (const each of streams) each.end(END);
      res.end();
    } else if (req.method === 'GET') {
      res.end(JSON.stringify({ open: streams.size, floodBytes }));
    } else {
      const body = JSON.parse(Buffer.concat(parts).toString('utf8'));
      if (body.stream === true) stream(res, body.flood === true);
      else {
        res.writeHead(200, { 'content-type': 'application/json', 'content-length': ANSWER.length });
        res.end(ANSWER);
      }
    }
  });
}).listen(Number(port), '127.0.0.1', BACKLOG);
