import { createHash } from 'node:crypto';
import type { OutgoingMessage, Publisher } from '@tollgate/bus';
import { type Envelope, parseEvent, type TollgateEvent } from '@tollgate/events';

interface Stored {
  readonly bytes: Buffer;
  readonly event: TollgateEvent;
}

/** A broker that outlives gateways, and what a consumer makes of it: duplicates dropped by source and number. */
export class BrokerInMemory {
  readonly messages: { topic: string; key: string; value: Buffer }[] = [];
  readonly #bySource = new Map<string, Map<number, Stored>>();
  readonly heartbeats: TollgateEvent<'tollgate.source.heartbeat.v1'>[] = [];
  duplicates = 0;
  batches = 0;
  /** Decides what happens to the next batch: `lose` fails before it is stored, `doubt` after. */
  fault: () => 'none' | 'lose' | 'doubt' | 'hang' = () => 'none';

  publisher(): Publisher {
    return {
      publish: async (batch) => {
        const fault = this.fault();
        if (fault === 'hang') await new Promise(() => {});
        if (fault === 'lose') throw new Error('the broker is away');
        this.batches += 1;
        for (const message of batch) this.#store(message);
        if (fault === 'doubt') throw new Error('the broker went away before it answered');
      },
      close: async () => {},
    };
  }

  #store(message: OutgoingMessage): void {
    const value = Buffer.from(message.value);
    this.messages.push({ topic: message.topic, key: message.key, value });
    const parsed = parseEvent(value);
    if (parsed.kind !== 'event') throw new Error(`not an event: ${JSON.stringify(parsed)}`);
    const { event } = parsed;
    if (event.type === 'tollgate.source.heartbeat.v1') {
      this.heartbeats.push(event);
      return;
    }
    const numbered = this.#bySource.get(event.source) ?? new Map<number, Stored>();
    this.#bySource.set(event.source, numbered);
    const sequence = Number(event.sequence);
    const known = numbered.get(sequence);
    if (known === undefined) numbered.set(sequence, { bytes: value, event });
    else if (known.bytes.equals(value)) this.duplicates += 1;
    else throw new Error(`two events are number ${sequence} of ${event.source}`);
  }

  sources(): string[] {
    return [...this.#bySource.keys()];
  }

  /** Events of a source in the order of their numbers. @throws where a number is missing from 1 to the last */
  eventsOf(source: string): TollgateEvent[] {
    return this.#contiguous(source).map(({ event }) => event);
  }

  /** Every event once. */
  events(): TollgateEvent[] {
    return this.sources().flatMap((source) => this.eventsOf(source));
  }

  /** The chain after a source's event `through`, computed in another way than the spool does. */
  chain(source: string, through: number): string {
    let chain = Buffer.alloc(32);
    for (const { bytes } of this.#contiguous(source).slice(0, through)) {
      chain = createHash('sha256').update(chain).update(bytes).digest();
    }
    return chain.toString('hex');
  }

  #contiguous(source: string): Stored[] {
    const numbered = [...(this.#bySource.get(source) ?? new Map<number, Stored>())].sort(([a], [b]) => a - b);
    return numbered.map(([sequence, stored], at) => {
      if (sequence !== at + 1) throw new Error(`${source} has no number ${at + 1}, but ${sequence}`);
      return stored;
    });
  }
}

/** How a request ended, as consumers see it. */
export interface RequestEnd {
  requests: number;
  decisions: string[];
  finals: string[];
}

/** Requests with their decisions and final usages. */
export function requestEnds(events: readonly TollgateEvent[]): Map<string, RequestEnd> {
  const ends = new Map<string, RequestEnd>();
  const of = (event: Pick<Envelope, 'subject'>): RequestEnd => {
    const end = ends.get(event.subject) ?? { requests: 0, decisions: [], finals: [] };
    ends.set(event.subject, end);
    return end;
  };
  for (const event of events) {
    if (event.type === 'tollgate.request.v1') of(event).requests += 1;
    if (event.type === 'tollgate.decision.v1')
      of(event).decisions.push(event.data.code ?? event.data.outcome);
    if (event.type === 'tollgate.usage.v1' && event.data.final) of(event).finals.push(event.data.outcome);
  }
  return ends;
}
