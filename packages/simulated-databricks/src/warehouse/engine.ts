/** One column of a result: its name and its Spark SQL type in lower case, such as `decimal(38,18)`. */
export interface Column {
  readonly name: string;
  readonly type: string;
}

/** A statement's parameter as the driver sent it: values travel as text beside the name of their type. */
export interface StatementParameter {
  /** Absent where the parameter is positional. */
  readonly name?: string | undefined;
  /** `STRING`, `BIGINT`, `DECIMAL`, …; `VOID` for a null of no type. */
  readonly type: string;
  readonly value: string | null;
}

/** What an engine is asked to do. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly StatementParameter[];
  /** What the engine's own `openSession` gave. */
  readonly session: string;
  /** Aborted when the client cancels the statement, closes it, or loses its session. */
  readonly signal: AbortSignal;
}

/** A result as Apache Arrow IPC messages, which go to the driver byte for byte. */
export interface ArrowResult {
  readonly columns: readonly Column[];
  /** The encapsulated schema message. */
  readonly schema: Buffer;
  /** Encapsulated record batch messages; none where there are no rows. */
  readonly batches: readonly ArrowBatch[];
}

export interface ArrowBatch {
  readonly rows: number;
  readonly data: Buffer;
}

export interface SessionOptions {
  readonly catalog?: string | undefined;
  readonly schema?: string | undefined;
}

/** What executes the statements of a warehouse. A statement that fails throws a `SqlError`. */
export interface Engine {
  /** Resolves to the engine's name for the session. */
  openSession(options: SessionOptions): Promise<string>;
  closeSession(session: string): Promise<void>;
  execute(statement: Statement): Promise<ArrowResult>;
  /** Ends what the engine started. A warehouse leaves that to whoever made the engine. */
  stop(): Promise<void>;
}
