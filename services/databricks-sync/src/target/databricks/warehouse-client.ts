import { DBSQLClient } from '@databricks/sql';
import type { ConnectionOptions } from '@databricks/sql/dist/contracts/IDBSQLClient.js';
import { databricksError, isRefusedCredential, isSessionGone } from './databricks-error.ts';

type Session = Awaited<ReturnType<DBSQLClient['openSession']>>;

export interface WarehouseAddress {
  readonly host: string;
  readonly port: number;
  /** As the workspace shows it, such as /sql/1.0/warehouses/abc. */
  readonly path: string;
}

/** What lets us in. */
export interface TokenSource {
  /** @throws SyncError */
  get(): Promise<string>;
  /** It was refused: the next is another, if there is one. */
  forget(): void;
}

const USER_AGENT = 'tollgate';
/** Longer than any delivery may take; what it cuts is a connection that nobody answers on. */
const SOCKET_TIMEOUT_MS = 900_000;

/**
 * Statements on one warehouse, one after the other on a session of their own. A session that is gone is opened anew,
 * once; whatever else goes wrong discards the connection and is told to the caller, who may repeat the statement.
 */
export class WarehouseClient {
  readonly #address: WarehouseAddress;
  readonly #token: TokenSource;
  readonly #trusted: { readonly customCaCert?: string };
  #client: DBSQLClient | null = null;
  #session: Session | null = null;

  /** @param trustedCertificate PEM of an authority to trust besides the system's */
  constructor(address: WarehouseAddress, token: TokenSource, trustedCertificate?: string) {
    this.#address = address;
    this.#token = token;
    this.#trusted = trustedCertificate === undefined ? {} : { customCaCert: trustedCertificate };
  }

  /**
   * All rows of a statement.
   *
   * @param signal gives the connection up; the statement may go on in the warehouse
   * @throws SyncError
   */
  async execute(
    sql: string,
    parameters: Readonly<Record<string, string>>,
    signal?: AbortSignal,
  ): Promise<unknown[]> {
    const abandon = (): void => void this.close();
    signal?.addEventListener('abort', abandon);
    try {
      signal?.throwIfAborted();
      return await this.#executeOnSession(sql, parameters);
    } catch (error) {
      if (isRefusedCredential(error)) this.#token.forget();
      void this.close();
      throw databricksError(error);
    } finally {
      signal?.removeEventListener('abort', abandon);
    }
  }

  /** Ends the session. Never throws: the driver does where the warehouse has forgotten it. */
  async close(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    this.#session = null;
    await client?.close().catch(() => {});
  }

  async #executeOnSession(sql: string, parameters: Readonly<Record<string, string>>): Promise<unknown[]> {
    try {
      return await run(await this.#openSession(), sql, parameters);
    } catch (error) {
      if (!isSessionGone(error)) throw error;
      this.#session = null;
      return run(await this.#openSession(), sql, parameters);
    }
  }

  async #openSession(): Promise<Session> {
    if (this.#session !== null) return this.#session;
    const client = this.#client ?? (await this.#connect());
    this.#client = client;
    const session = await client.openSession();
    // Who gave the connection up in the meantime has closed it.
    if (this.#client === client) this.#session = session;
    return session;
  }

  async #connect(): Promise<DBSQLClient> {
    // What the driver would log can hold statements.
    const client = new DBSQLClient({ logger: { log: () => {} } });
    const options: ConnectionOptions = {
      ...this.#address,
      ...this.#trusted,
      authType: 'external-token',
      getToken: () => this.#token.get(),
      socketTimeout: SOCKET_TIMEOUT_MS,
      userAgentEntry: USER_AGENT,
      telemetryEnabled: false,
      preserveBigNumericPrecision: true,
      // We try again ourselves: the driver misreads Retry-After, and knows nothing of our deadline.
      retryMaxAttempts: 1,
    };
    await client.connect(options);
    client.on('error', () => {});
    return client;
  }
}

async function run(
  session: Session,
  sql: string,
  parameters: Readonly<Record<string, string>>,
): Promise<unknown[]> {
  const named = Object.keys(parameters).length === 0 ? {} : { namedParameters: { ...parameters } };
  const operation = await session.executeStatement(sql, { ...named, maxRows: null });
  try {
    return await operation.fetchAll();
  } finally {
    await operation.close().catch(() => {});
  }
}
