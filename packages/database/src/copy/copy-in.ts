import type { Writable } from 'node:stream';
import pg from 'pg';

/** Of one message: the server keeps it whole while it reads it. */
const CHUNK_BYTES = 256 * 1024;
/** CopyData: https://www.postgresql.org/docs/current/protocol-message-formats.html. */
const COPY_DATA = 'd'.charCodeAt(0);
const MESSAGE_HEADER_BYTES = 5;
const LENGTH_BYTES = 4;

/** What of the driver's connection is needed here, and is not in its types. */
type CopyConnection = {
  readonly stream: Pick<Writable, 'cork' | 'uncork' | 'write'>;
  endCopyFrom(): void;
};

/** A `COPY … FROM STDIN` with all of its data: the driver has the messages, but no query that sends them. */
export class CopyIn extends pg.Query {
  readonly #data: Buffer;

  constructor(statement: string, data: Buffer, done: (error: Error | null, rowCount: number) => void) {
    super(statement, (error, result) => done(error ?? null, result?.rowCount ?? 0));
    this.#data = data;
  }

  /** Called by the driver when the server is ready for the data. */
  handleCopyInResponse(connection: CopyConnection): void {
    const data = this.#data;
    const { stream } = connection;
    stream.cork();
    // The driver's own way to send a chunk copies it twice.
    for (let at = 0; at < data.length; at += CHUNK_BYTES) {
      const chunk = data.subarray(at, at + CHUNK_BYTES);
      const header = Buffer.allocUnsafe(MESSAGE_HEADER_BYTES);
      header.writeUInt8(COPY_DATA, 0);
      header.writeUInt32BE(LENGTH_BYTES + chunk.length, 1);
      stream.write(header);
      stream.write(chunk);
    }
    connection.endCopyFrom();
    stream.uncork();
  }
}

/** Runs it on a connection; resolves with the number of rows that came. */
export function copyIn(client: pg.PoolClient, statement: string, data: Buffer): Promise<number> {
  return new Promise((resolve, reject) => {
    client.query(
      new CopyIn(statement, data, (error, rowCount) => (error === null ? resolve(rowCount) : reject(error))),
    );
  });
}
