import pg from 'pg';

/** Handed to the socket at once. */
const CHUNK_BYTES = 256 * 1024;

/** What of the driver's connection is needed here, and is not in its types. */
type CopyConnection = {
  sendCopyFromChunk(chunk: Buffer): void;
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
    for (let at = 0; at < data.length; at += CHUNK_BYTES) {
      connection.sendCopyFromChunk(data.subarray(at, at + CHUNK_BYTES));
    }
    connection.endCopyFrom();
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
