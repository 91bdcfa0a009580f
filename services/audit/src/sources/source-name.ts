/** The parts of `/gateways/<instance>/<epoch>` or `/services/<name>/<epoch>`. */
export interface SourceName {
  readonly kind: 'gateways' | 'services';
  /** The gateway's instance or the service's name. */
  readonly instance: string;
  readonly epoch: string;
}

/** @throws RangeError where the text is no source's name; envelopes that were read hold only such as are */
export function parseSourceName(source: string): SourceName {
  const [, kind, instance, epoch] = source.split('/');
  if ((kind !== 'gateways' && kind !== 'services') || instance === undefined || epoch === undefined) {
    throw new RangeError('not the name of a source');
  }
  return { kind, instance, epoch };
}

/** Whether one may speak for the other: epochs of one spool. */
export function sameInstance(a: string, b: string): boolean {
  const first = parseSourceName(a);
  const second = parseSourceName(b);
  return first.kind === second.kind && first.instance === second.instance;
}
