import { TABLES, type TableName } from '../../tables/columns.ts';
import type { DeliveryRow } from '../../tables/row.ts';
import type {
  LakehouseTarget,
  LakehouseTotals,
  TargetDescription,
  TotalsQuery,
} from '../lakehouse-target.ts';
import { dateRange, jsonArray } from '../merge-source.ts';
import { totalsOf } from '../read-totals.ts';
import { totalsStatements } from '../views.ts';
import { databricksDdl, databricksDialect, databricksMerge, type Namespace } from './databricks-sql.ts';
import { type OAuthClient, OAuthTokens } from './oauth-token.ts';
import { type TokenSource, type WarehouseAddress, WarehouseClient } from './warehouse-client.ts';

export type WarehouseCredential = { readonly token: string } | { readonly oauth: OAuthClient };

export interface DatabricksTargetOptions {
  readonly address: WarehouseAddress;
  readonly credential: WarehouseCredential;
  readonly namespace: Namespace;
  /** Where false, tables are left to `tollgate databricks init`, run by somebody with more rights. */
  readonly createTables: boolean;
  /** PEM of an authority to trust besides the system's; for a whole process it is NODE_EXTRA_CA_CERTS. */
  readonly trustedCertificate?: string;
}

/** Tables of Unity Catalog, written by a SQL warehouse. */
export class DatabricksTarget implements LakehouseTarget {
  readonly description: TargetDescription;
  readonly #options: DatabricksTargetOptions;
  /** Each table has a session of its own, so that what befalls one does not cut the other. */
  readonly #clients: Readonly<Record<TableName | 'setup' | 'totals', WarehouseClient>>;

  constructor(options: DatabricksTargetOptions) {
    const { address, namespace } = options;
    this.#options = options;
    const token = tokenSource(options);
    const client = () => new WarehouseClient(address, token, options.trustedCertificate);
    this.#clients = { setup: client(), audit_events: client(), charges: client(), totals: client() };
    this.description = {
      kind: 'databricks-sql',
      standIn: false,
      location: `${address.host}/${namespace.catalog}.${namespace.schema}`,
    };
  }

  async init(): Promise<void> {
    if (!this.#options.createTables) return;
    for (const statement of databricksDdl(this.#options.namespace)) {
      await this.#clients.setup.execute(statement, {});
    }
    await this.#clients.setup.close();
  }

  async deliver(table: TableName, rows: readonly DeliveryRow[], signal: AbortSignal): Promise<void> {
    const dialect = databricksDialect(this.#options.namespace);
    const qualified = table === 'charges' ? dialect.charges : dialect.auditEvents;
    const merge = databricksMerge(qualified, TABLES[table], dateRange(rows));
    await this.#clients[table].execute(merge, { rows: jsonArray(rows) }, signal);
  }

  async totals(query: TotalsQuery, signal: AbortSignal): Promise<LakehouseTotals> {
    const { usage, charges, parameters } = totalsStatements(
      query,
      databricksDialect(this.#options.namespace),
    );
    const used = await this.#clients.totals.execute(usage, parameters, signal);
    return totalsOf(used, await this.#clients.totals.execute(charges, parameters, signal));
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#clients).map((client) => client.close()));
  }
}

function tokenSource({ address, credential, trustedCertificate }: DatabricksTargetOptions): TokenSource {
  if ('oauth' in credential) {
    return new OAuthTokens(`https://${address.host}:${address.port}`, credential.oauth, {
      trustedCertificate,
    });
  }
  return { get: async () => credential.token, forget: () => {} };
}
