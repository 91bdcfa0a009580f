/** Why a stack of services could not be brought up. */
export class StackError extends Error {
  readonly code: 'already-running' | 'not-ready';
  constructor(code: StackError['code'], message: string) {
    super(message);
    this.name = 'StackError';
    this.code = code;
  }
}
