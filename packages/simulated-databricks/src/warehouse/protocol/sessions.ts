import { randomUUID } from 'node:crypto';
import type { Engine, SessionOptions } from '../engine.ts';
import type { Operation } from './operation.ts';

/** An open session and the operations that its client has not closed. */
export interface Session {
  readonly id: string;
  readonly engineSession: string;
  readonly operations: Set<Operation>;
}

/** What is open. Ending a session cancels its operations. */
export class Sessions {
  readonly #engine: Engine;
  readonly #sessions = new Map<string, Session>();
  readonly #operations = new Map<string, Operation>();

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  async open(options: SessionOptions): Promise<Session> {
    const engineSession = await this.#engine.openSession(options);
    const session: Session = { id: randomUUID(), engineSession, operations: new Set() };
    this.#sessions.set(session.id, session);
    return session;
  }

  get(id: string): Session | undefined {
    return this.#sessions.get(id);
  }

  add(session: Session, operation: Operation): void {
    session.operations.add(operation);
    this.#operations.set(operation.id, operation);
  }

  operation(id: string): Operation | undefined {
    return this.#operations.get(id);
  }

  closeOperation(operation: Operation): void {
    operation.cancel();
    this.#operations.delete(operation.id);
    this.#sessions.get(operation.session)?.operations.delete(operation);
  }

  async end(session: Session): Promise<void> {
    for (const operation of session.operations) this.closeOperation(operation);
    this.#sessions.delete(session.id);
    await this.#engine.closeSession(session.engineSession);
  }

  async endAll(): Promise<void> {
    for (const session of [...this.#sessions.values()]) await this.end(session);
  }
}
