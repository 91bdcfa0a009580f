import { setTimeout as sleep } from 'node:timers/promises';
import type {
  TCancelOperationReq,
  TCloseOperationReq,
  TCloseSessionReq,
  TExecuteStatementReq,
  TFetchResultsReq,
  TFetchResultsResp,
  TGetOperationStatusReq,
  TGetOperationStatusResp,
  TGetResultSetMetadataReq,
  TGetResultSetMetadataResp,
  TOpenSessionReq,
  TSparkDirectResults,
  TSparkParameter,
} from '@databricks/sql/thrift/TCLIService_types.js';
import types from '@databricks/sql/thrift/TCLIService_types.js';
import Int64 from 'node-int64';
import type { Engine, StatementParameter } from '../engine.ts';
import type { WarehouseFault } from '../faults.ts';
import { SqlError } from '../sql-error.ts';
import { Interruption } from './interruption.ts';
import { failure, handleOf, idOf, invalidHandle, success, tableSchema } from './messages.ts';
import { Operation, type OperationState } from './operation.ts';
import { Sessions } from './sessions.ts';

/** databricks-sql-nodejs #308; the wording is that of airbyte #46931. */
export const MAX_PARAMETERS = 256;
/** Operations of one session that its client has not closed. */
const MAX_OPEN_OPERATIONS = 10_000;
const VERSION = types.TProtocolVersion.SPARK_CLI_SERVICE_PROTOCOL_V8;
const STATES: Readonly<Record<OperationState, number>> = {
  running: types.TOperationState.RUNNING_STATE,
  finished: types.TOperationState.FINISHED_STATE,
  failed: types.TOperationState.ERROR_STATE,
  cancelled: types.TOperationState.CANCELED_STATE,
};

/** The procedures that the driver calls, on an engine. */
export class Rpcs {
  readonly sessions: Sessions;
  readonly #engine: Engine;
  readonly #directResultsWaitMs: number;
  readonly #started: (operation: Operation) => void;

  /** Waits for a statement up to `directResultsWaitMs` before it tells the client to come back; `started` gets each. */
  constructor(options: {
    readonly engine: Engine;
    readonly directResultsWaitMs: number;
    readonly started: (operation: Operation) => void;
  }) {
    this.#engine = options.engine;
    this.sessions = new Sessions(options.engine);
    this.#directResultsWaitMs = options.directResultsWaitMs;
    this.#started = options.started;
  }

  async openSession(request: TOpenSessionReq) {
    const namespace = request.initialNamespace;
    try {
      const session = await this.sessions.open({
        catalog: namespace?.catalogName ?? undefined,
        schema: namespace?.schemaName ?? undefined,
      });
      return new types.TOpenSessionResp({
        status: success(),
        serverProtocolVersion: VERSION,
        sessionHandle: new types.TSessionHandle({ sessionId: handleOf(session.id) }),
        configuration: {},
        canUseMultipleCatalogs: true,
        ...(namespace ? { initialNamespace: namespace } : {}),
      });
    } catch (error) {
      if (!(error instanceof SqlError)) throw error;
      const status = failure(error.message, error.sqlState);
      return new types.TOpenSessionResp({ status, serverProtocolVersion: VERSION });
    }
  }

  async closeSession(request: TCloseSessionReq) {
    const id = idOf(request.sessionHandle.sessionId);
    const session = this.sessions.get(id);
    if (session === undefined)
      return new types.TCloseSessionResp({ status: invalidHandle('SessionHandle', id) });
    await this.sessions.end(session);
    return new types.TCloseSessionResp({ status: success() });
  }

  /** `whole` waits for the statement's end, however long it takes. */
  async executeStatement(request: TExecuteStatementReq, fault: WarehouseFault | undefined, whole: boolean) {
    const parameters = parametersOf(request.parameters ?? []);
    const id = idOf(request.sessionHandle.sessionId);
    const session = this.sessions.get(id);
    if (session === undefined)
      return new types.TExecuteStatementResp({ status: invalidHandle('SessionHandle', id) });
    if (session.operations.size >= MAX_OPEN_OPERATIONS) {
      const status = failure(
        `${MAX_OPEN_OPERATIONS} operations of this session are open: close some`,
        'HY000',
      );
      return new types.TExecuteStatementResp({ status });
    }
    const operation = new Operation({
      engine: this.#engine,
      engineSession: session.engineSession,
      session: id,
      sql: request.statement,
      parameters,
      fault,
    });
    this.sessions.add(session, operation);
    this.#started(operation);
    if (whole) await operation.done;
    const direct = request.getDirectResults;
    return new types.TExecuteStatementResp({
      status: success(),
      operationHandle: new types.TOperationHandle({
        operationId: handleOf(operation.id),
        operationType: types.TOperationType.EXECUTE_STATEMENT,
        hasResultSet: true,
      }),
      ...(direct ? { directResults: await this.#directResults(operation, direct.maxRows.toNumber()) } : {}),
    });
  }

  async getOperationStatus(request: TGetOperationStatusReq) {
    const id = idOf(request.operationHandle.operationId);
    const operation = this.sessions.operation(id);
    if (operation === undefined)
      return new types.TGetOperationStatusResp({ status: invalidHandle('OperationHandle', id) });
    return statusOf(operation);
  }

  async getResultSetMetadata(request: TGetResultSetMetadataReq) {
    const id = idOf(request.operationHandle.operationId);
    const operation = this.sessions.operation(id);
    if (operation === undefined)
      return new types.TGetResultSetMetadataResp({ status: invalidHandle('OperationHandle', id) });
    return metadataOf(operation);
  }

  async fetchResults(request: TFetchResultsReq) {
    const id = idOf(request.operationHandle.operationId);
    const operation = this.sessions.operation(id);
    if (operation === undefined)
      return new types.TFetchResultsResp({ status: invalidHandle('OperationHandle', id) });
    return fetched(operation, request.maxRows.toNumber());
  }

  async cancelOperation(request: TCancelOperationReq) {
    this.sessions.operation(idOf(request.operationHandle.operationId))?.cancel();
    return new types.TCancelOperationResp({ status: success() });
  }

  async closeOperation(request: TCloseOperationReq) {
    const operation = this.sessions.operation(idOf(request.operationHandle.operationId));
    if (operation !== undefined) this.sessions.closeOperation(operation);
    return new types.TCloseOperationResp({ status: success() });
  }

  /** What is there within the wait: all of it, and then it is closed, or a part, or only that it still runs. */
  async #directResults(operation: Operation, maxRows: number): Promise<TSparkDirectResults> {
    const waiting = new AbortController();
    const late = sleep(this.#directResultsWaitMs, undefined, { signal: waiting.signal }).catch(() => {});
    await Promise.race([operation.done, late]);
    waiting.abort();
    const operationStatus = statusOf(operation);
    if (operation.state !== 'finished') return new types.TSparkDirectResults({ operationStatus });
    const resultSetMetadata = metadataOf(operation);
    const resultSet = fetched(operation, maxRows);
    if (operation.hasMore)
      return new types.TSparkDirectResults({ operationStatus, resultSetMetadata, resultSet });
    this.sessions.closeOperation(operation);
    const closeOperation = new types.TCloseOperationResp({ status: success() });
    return new types.TSparkDirectResults({ operationStatus, resultSetMetadata, resultSet, closeOperation });
  }
}

function parametersOf(parameters: readonly TSparkParameter[]): StatementParameter[] {
  if (parameters.length > MAX_PARAMETERS) {
    throw new Interruption({
      kind: 'http',
      status: 400,
      errorCode: 'BAD_REQUEST',
      message: `Parameterized query has too many parameters: ${parameters.length} parameters were given but the limit is ${MAX_PARAMETERS}.`,
    });
  }
  return parameters.map(({ name, type, value }) => ({
    ...(name ? { name } : {}),
    // The driver sends a null without a type.
    type: type ?? 'VOID',
    value: value?.stringValue ?? null,
  }));
}

function statusOf(operation: Operation): TGetOperationStatusResp {
  const { error } = operation;
  return new types.TGetOperationStatusResp({
    status: success(),
    operationState: STATES[operation.state],
    hasResultSet: true,
    ...(error === undefined
      ? {}
      : {
          sqlState: error.sqlState,
          errorMessage: `org.apache.hive.service.cli.HiveSQLException: Error running query: ${error.message}`,
          displayMessage: error.message,
        }),
  });
}

function metadataOf({ result }: Operation): TGetResultSetMetadataResp {
  if (result === undefined)
    return new types.TGetResultSetMetadataResp({ status: failure('there is no result yet', 'HY010') });
  return new types.TGetResultSetMetadataResp({
    status: success(),
    schema: tableSchema(result.columns),
    resultFormat: types.TSparkRowSetType.ARROW_BASED_SET,
    lz4Compressed: false,
    arrowSchema: result.schema,
    isStagingOperation: false,
  });
}

function fetched(operation: Operation, maxRows: number): TFetchResultsResp {
  if (operation.result === undefined)
    return new types.TFetchResultsResp({ status: failure('there is no result yet', 'HY010') });
  const batches = operation.take(maxRows);
  return new types.TFetchResultsResp({
    status: success(),
    hasMoreRows: operation.hasMore,
    results: new types.TRowSet({
      startRowOffset: new Int64(0),
      rows: [],
      arrowBatches: batches.map(
        ({ rows, data }) => new types.TSparkArrowBatch({ batch: data, rowCount: new Int64(rows) }),
      ),
    }),
  });
}
