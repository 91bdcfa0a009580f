import { DBSQLClient } from '@databricks/sql';
import type { ConnectionOptions } from '@databricks/sql/dist/contracts/IDBSQLClient.js';
import type { Warehouse } from './warehouse.ts';

export type Session = Awaited<ReturnType<DBSQLClient['openSession']>>;
type ExecuteOptions = Parameters<Session['executeStatement']>[1];

/** The real driver, connected. Nothing of it outlives the warehouse, which cuts its connections when it stops. */
export interface Driver {
  openSession(request?: Parameters<DBSQLClient['openSession']>[0]): Promise<Session>;
}

/** What a failed call tells of itself. */
export interface Failure {
  readonly name: string;
  readonly message: string;
  readonly code: unknown;
  readonly statusCode: unknown;
  readonly sqlState: unknown;
}

/** Connects as a product would, but for what `options` replaces. */
export async function connect(
  warehouse: Warehouse,
  options: Partial<ConnectionOptions> = {},
): Promise<Driver> {
  const client = new DBSQLClient({ logger: { log: () => {} } });
  await client.connect({
    host: warehouse.host,
    port: warehouse.port,
    path: warehouse.path,
    token: warehouse.token,
    customCaCert: warehouse.certificate,
    telemetryEnabled: false,
    preserveBigNumericPrecision: true,
    // Where the warehouse is gone, the driver would try for minutes to close what it has open there.
    retryMaxAttempts: 1,
    ...options,
  } as ConnectionOptions);
  return { openSession: (request) => client.openSession(request) };
}

/** All rows of a statement. */
export async function query(session: Session, sql: string, options?: ExecuteOptions): Promise<unknown[]> {
  const operation = await session.executeStatement(sql, options);
  try {
    return await operation.fetchAll();
  } finally {
    await operation.close();
  }
}

export async function failureOf(call: Promise<unknown>): Promise<Failure> {
  try {
    await call;
  } catch (error) {
    // The driver's StatusError is no Error, though it says so.
    if (typeof error !== 'object' || error === null) throw error;
    const member = (name: string): unknown => Reflect.get(error, name);
    const response = member('response');
    return {
      name: error.constructor.name,
      message: String(member('message')),
      code: member('code') ?? member('errorCode'),
      statusCode: member('statusCode'),
      sqlState:
        (typeof response === 'object' && response !== null ? Reflect.get(response, 'sqlState') : undefined) ??
        member('sqlState'),
    };
  }
  throw new Error('the call succeeded');
}
