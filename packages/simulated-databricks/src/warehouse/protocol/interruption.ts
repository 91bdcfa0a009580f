/** How an exchange ends that gets no Thrift answer. */
export type Ending =
  | { readonly kind: 'cut' }
  | { readonly kind: 'silence' }
  | {
      readonly kind: 'http';
      readonly status: number;
      readonly errorCode: string;
      readonly message: string;
      readonly retryAfterSeconds?: number | undefined;
    };

/** Thrown where a call is to end otherwise than by its answer. */
export class Interruption extends Error {
  readonly ending: Ending;

  constructor(ending: Ending) {
    super(ending.kind === 'http' ? ending.message : ending.kind);
    this.name = 'Interruption';
    this.ending = ending;
  }
}
