import type {
  TCancelOperationReq,
  TCloseOperationReq,
  TCloseSessionReq,
  TExecuteStatementReq,
  TFetchResultsReq,
  TGetOperationStatusReq,
  TGetResultSetMetadataReq,
  TOpenSessionReq,
} from '@databricks/sql/thrift/TCLIService_types.js';
import type { Rpc, WarehouseFault, WarehouseFaultScript } from '../faults.ts';
import { Interruption } from './interruption.ts';
import { idOf } from './messages.ts';
import type { Rpcs } from './rpcs.ts';

/** What the driver's generated code reads for each procedure. */
interface Requests {
  readonly OpenSession: TOpenSessionReq;
  readonly CloseSession: TCloseSessionReq;
  readonly ExecuteStatement: TExecuteStatementReq;
  readonly GetOperationStatus: TGetOperationStatusReq;
  readonly GetResultSetMetadata: TGetResultSetMetadataReq;
  readonly FetchResults: TFetchResultsReq;
  readonly CancelOperation: TCancelOperationReq;
  readonly CloseOperation: TCloseOperationReq;
}

type Call = { readonly [Name in Rpc]: { readonly rpc: Name; readonly request: Requests[Name] } }[Rpc];

const SERVED: ReadonlySet<string> = new Set<Rpc>([
  'OpenSession',
  'CloseSession',
  'ExecuteStatement',
  'GetOperationStatus',
  'GetResultSetMetadata',
  'FetchResults',
  'CancelOperation',
  'CloseOperation',
]);

const ERROR_CODES: Readonly<Record<number, string>> = {
  400: 'BAD_REQUEST',
  401: 'UNAUTHENTICATED',
  403: 'PERMISSION_DENIED',
  429: 'RESOURCE_EXHAUSTED',
  503: 'TEMPORARILY_UNAVAILABLE',
};

export interface FaultyAnswer {
  readonly response: object;
  /** What is to happen to the answer on its way. */
  readonly cut: Extract<WarehouseFault, { kind: 'cut-mid-answer' }> | undefined;
}

/**
 * Answers a call of a procedure, unless a fault is due for it. `request` is of the generated class that belongs to `rpc`.
 *
 * @throws Interruption where the exchange is to end otherwise
 */
export async function answerCall(
  rpcs: Rpcs,
  faults: WarehouseFaultScript,
  rpc: string,
  request: unknown,
): Promise<FaultyAnswer> {
  if (!SERVED.has(rpc)) {
    throw new Interruption({
      kind: 'http',
      status: 501,
      errorCode: 'NOT_IMPLEMENTED',
      message: `the simulated warehouse does not know ${rpc}`,
    });
  }
  const call = { rpc, request } as Call;
  const fault = faults.take(call.rpc, sqlOf(rpcs, call));
  await strikeBefore(rpcs, call, fault);
  const whole = fault?.kind === 'reply-lost' || fault?.kind === 'cut-mid-answer';
  const response = await answer(rpcs, call, fault, whole);
  if (fault?.kind === 'reply-lost') throw new Interruption({ kind: 'cut' });
  return { response, cut: fault?.kind === 'cut-mid-answer' ? fault : undefined };
}

async function strikeBefore(rpcs: Rpcs, call: Call, fault: WarehouseFault | undefined): Promise<void> {
  switch (fault?.kind) {
    case 'request-lost':
      throw new Interruption({ kind: 'cut' });
    case 'no-answer':
      throw new Interruption({ kind: 'silence' });
    case 'http-error':
      throw new Interruption({
        kind: 'http',
        status: fault.status,
        errorCode: ERROR_CODES[fault.status] ?? 'SIMULATED_FAULT',
        message: 'a simulated fault',
        retryAfterSeconds: fault.retryAfterSeconds,
      });
    case 'session-expired': {
      if (call.rpc !== 'ExecuteStatement' && call.rpc !== 'CloseSession') return;
      const session = rpcs.sessions.get(idOf(call.request.sessionHandle.sessionId));
      if (session !== undefined) await rpcs.sessions.end(session);
    }
  }
}

function answer(rpcs: Rpcs, call: Call, fault: WarehouseFault | undefined, whole: boolean): Promise<object> {
  switch (call.rpc) {
    case 'OpenSession':
      return rpcs.openSession(call.request);
    case 'CloseSession':
      return rpcs.closeSession(call.request);
    case 'ExecuteStatement':
      return rpcs.executeStatement(call.request, fault, whole);
    case 'GetOperationStatus':
      return rpcs.getOperationStatus(call.request);
    case 'GetResultSetMetadata':
      return rpcs.getResultSetMetadata(call.request);
    case 'FetchResults':
      return rpcs.fetchResults(call.request);
    case 'CancelOperation':
      return rpcs.cancelOperation(call.request);
    case 'CloseOperation':
      return rpcs.closeOperation(call.request);
  }
}

function sqlOf(rpcs: Rpcs, call: Call): string | undefined {
  if (call.rpc === 'ExecuteStatement') return call.request.statement;
  if (call.rpc === 'OpenSession' || call.rpc === 'CloseSession') return undefined;
  return rpcs.sessions.operation(idOf(call.request.operationHandle.operationId))?.sql;
}
