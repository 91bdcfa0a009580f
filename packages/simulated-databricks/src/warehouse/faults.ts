import { SimulatedDatabricksError } from '../errors.ts';

/** What goes wrong. */
export type WarehouseFault =
  /** The connection is cut, and nothing was executed. */
  | { readonly kind: 'request-lost' }
  /** It was executed; then the connection is cut without an answer. */
  | { readonly kind: 'reply-lost' }
  /**
   * It was executed; the connection is cut within the answer's body. The driver takes note at once where the answer
   * came in chunks; where its length was announced, only when `socketTimeout` is over, which is 15 minutes by default.
   */
  | { readonly kind: 'cut-mid-answer'; readonly lengthAnnounced?: boolean }
  /** It was not executed, and no answer ever comes, until the client gives up. */
  | { readonly kind: 'no-answer' }
  /** The request's session is gone: `Invalid SessionHandle`. */
  | { readonly kind: 'session-expired' }
  /** An HTTP error instead of an execution: 429, 503, 401, … */
  | { readonly kind: 'http-error'; readonly status: number; readonly retryAfterSeconds?: number }
  /** The statement runs so much longer (milliseconds), as on a warehouse that is starting. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** The statement fails without having been executed. */
  | {
      readonly kind: 'sql-error';
      readonly message: string;
      readonly sqlState: string;
      readonly condition?: string;
    };

/** The remote procedures that the driver calls to run statements. */
export type Rpc =
  | 'OpenSession'
  | 'CloseSession'
  | 'ExecuteStatement'
  | 'GetOperationStatus'
  | 'GetResultSetMetadata'
  | 'FetchResults'
  | 'CancelOperation'
  | 'CloseOperation';

/** A fault for calls to come. */
export type WarehouseFaultRule = WarehouseFault & {
  /** `ExecuteStatement` unless given; `slow` and `sql-error` are for no other. */
  readonly rpc?: Rpc;
  /** Only calls about a statement that matches. */
  readonly statement?: RegExp;
  /** Matching calls that pass before it strikes; 0 unless given. */
  readonly after?: number;
  /** How often it strikes, one matching call after the other; once unless given. */
  readonly times?: number;
};

/** A fault that was asked for. */
export interface ScheduledFault {
  readonly rule: WarehouseFaultRule;
  /** How often it has struck. */
  readonly struck: number;
  /** Takes it back. */
  cancel(): void;
}

export interface WarehouseFaults {
  /** Adds a fault. Of several that are due, the one asked for first strikes. Throws `bad-option`. */
  next(rule: WarehouseFaultRule): ScheduledFault;
  /** Takes back all that are left. */
  clear(): void;
  /** Those that have not struck as often as they should. */
  readonly pending: readonly ScheduledFault[];
  /** How often any fault has struck. */
  readonly struck: number;
}

const MAX_RULES = 1_000;

class Scheduled implements ScheduledFault {
  readonly rule: WarehouseFaultRule;
  readonly #cancel: (fault: Scheduled) => void;
  passed = 0;
  struck = 0;

  constructor(rule: WarehouseFaultRule, cancel: (fault: Scheduled) => void) {
    this.rule = rule;
    this.#cancel = cancel;
  }

  cancel(): void {
    this.#cancel(this);
  }
}

/** The faults that are due. */
export class WarehouseFaultScript implements WarehouseFaults {
  #scheduled: Scheduled[] = [];
  #struck = 0;

  next(rule: WarehouseFaultRule): ScheduledFault {
    check(rule);
    if (this.#scheduled.length >= MAX_RULES) {
      throw new SimulatedDatabricksError('bad-option', `At most ${MAX_RULES} faults wait; clear them first.`);
    }
    const scheduled = new Scheduled(rule, (fault) => this.#remove(fault));
    this.#scheduled.push(scheduled);
    return scheduled;
  }

  clear(): void {
    this.#scheduled = [];
  }

  get pending(): readonly ScheduledFault[] {
    return [...this.#scheduled];
  }

  get struck(): number {
    return this.#struck;
  }

  /** The fault for this call, which is thereby counted as struck. */
  take(rpc: Rpc, sql: string | undefined): WarehouseFault | undefined {
    for (const scheduled of this.#scheduled) {
      const { rule } = scheduled;
      if ((rule.rpc ?? 'ExecuteStatement') !== rpc) continue;
      if (rule.statement !== undefined && (sql === undefined || sql.search(rule.statement) < 0)) continue;
      if (scheduled.passed < (rule.after ?? 0)) {
        scheduled.passed += 1;
        continue;
      }
      scheduled.struck += 1;
      this.#struck += 1;
      if (scheduled.struck >= (rule.times ?? 1)) this.#remove(scheduled);
      return rule;
    }
    return undefined;
  }

  #remove(fault: Scheduled): void {
    this.#scheduled = this.#scheduled.filter((other) => other !== fault);
  }
}

function check({ kind, rpc, after = 0, times = 1 }: WarehouseFaultRule): void {
  const countable = times === Number.POSITIVE_INFINITY || (Number.isSafeInteger(times) && times > 0);
  if (!countable || !Number.isSafeInteger(after) || after < 0) {
    throw new SimulatedDatabricksError('bad-option', 'times is one or more, after zero or more.');
  }
  const ofStatements = kind === 'slow' || kind === 'sql-error';
  if (ofStatements && rpc !== undefined && rpc !== 'ExecuteStatement') {
    throw new SimulatedDatabricksError('bad-option', `${kind} strikes statements only: leave rpc out.`);
  }
  if (
    kind === 'session-expired' &&
    rpc !== undefined &&
    rpc !== 'ExecuteStatement' &&
    rpc !== 'CloseSession'
  ) {
    throw new SimulatedDatabricksError(
      'bad-option',
      'session-expired strikes ExecuteStatement and CloseSession, the calls that name a session.',
    );
  }
}
