import { verifyInclusion } from '@tollgate/transparency-log';
import { AuditError } from '../errors.ts';
import { isObject, type Json } from '../exports/exported-event.ts';
import { leafOfEvent } from '../tree/verify-event.ts';
import { assertionsFile, policyInForce } from './assertions.ts';
import { inForceLine } from './layout.ts';

/**
 * Judges what a bundle holds of gateways' words about their configuration: each in the log, each about a policy file that
 * decided, and summed up as they say.
 *
 * @param decided digests of the policy files that decided on what the bundle shows
 * @returns how many of them hold
 * @throws AuditError `bundle_invalid`
 */
export function verifyAssertions(
  { told: lines, asserted }: { readonly told: readonly string[]; readonly asserted: string },
  decided: readonly string[],
  log: { readonly size: bigint; readonly root: Uint8Array },
): number {
  const told: { leaf: number; event: Json }[] = [];
  for (const json of lines) {
    const line = inForceLine.parse(JSON.parse(json));
    if (JSON.stringify(line) !== json) throw invalid('a line of its configurations is not as it was written');
    const bytes = Buffer.from(line.event, 'base64');
    const { hash } = leafOfEvent(bytes, Buffer.from(line.salt, 'base64'));
    const hashes = line.inclusion.map((each) => Buffer.from(each, 'base64'));
    if (!verifyInclusion(BigInt(line.leaf), log.size, hash, hashes, log.root)) {
      throw invalid(`the configuration told at leaf ${line.leaf} is not in the log`);
    }
    const parsed: unknown = JSON.parse(bytes.toString('utf8'));
    const event = isObject(parsed) ? parsed : {};
    const digest = policyInForce(event);
    if (digest === undefined || !decided.includes(digest)) {
      throw invalid(`the event at leaf ${line.leaf} tells of no configuration that decided here`);
    }
    told.push({ leaf: line.leaf, event });
  }
  if (asserted !== assertionsFile(told, decided)) {
    throw invalid('its assertions are not what the configurations say');
  }
  return told.length;
}

function invalid(what: string): AuditError {
  return new AuditError('bundle_invalid', what);
}
