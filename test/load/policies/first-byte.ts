import { once } from 'node:events';
import { connect } from 'node:net';
import type { LoadTarget } from '../http-load.ts';

const HEAD_END = '\r\n\r\n';
const LAST_CHUNK = '0\r\n\r\n';

/**
 * Asks for streams, one after the other on one connection, and takes the time from a request's last byte to the first byte of its
 * answer's body.
 *
 * @returns milliseconds, sorted
 */
export async function firstByteTimes(target: LoadTarget, requests: number): Promise<Float64Array> {
  const socket = connect({ port: target.port, host: '127.0.0.1', noDelay: true });
  await once(socket, 'connect');
  const head = [
    `POST ${target.path} HTTP/1.1`,
    'host: bench',
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(target.body)}`,
    ...Object.entries(target.headers).map(([name, value]) => `${name}: ${value}`),
  ].join('\r\n');
  const request = Buffer.from(head + HEAD_END + target.body);
  const times = new Float64Array(requests);
  try {
    for (let index = 0; index < requests; index += 1) times[index] = await firstByteOf(socket, request);
  } finally {
    socket.destroy();
  }
  return times.sort();
}

function firstByteOf(socket: ReturnType<typeof connect>, request: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    let received = '';
    let firstMs: number | null = null;
    const startMs = performance.now();
    const take = (chunk: Buffer) => {
      received += chunk.toString('latin1');
      const body = received.indexOf(HEAD_END) + HEAD_END.length;
      if (body < HEAD_END.length || received.length === body) return;
      firstMs ??= performance.now() - startMs;
      if (!received.endsWith(LAST_CHUNK)) return;
      socket.off('data', take).off('error', reject);
      if (received.startsWith('HTTP/1.1 200')) resolve(firstMs);
      else reject(new Error(received.slice(0, 200)));
    };
    socket.on('data', take).once('error', reject);
    socket.write(request);
  });
}
