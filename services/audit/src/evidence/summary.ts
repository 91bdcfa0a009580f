import { type Json, objectAt, textAt } from '../exports/exported-event.ts';

/**
 * What the events of a bundle say about the configuration that decided, and about where data went. Made from them alone,
 * so that whoever verifies makes it again and compares.
 */
export class EvidenceSummary {
  readonly #policies = new Map<string, Policy>();
  readonly #targets = new Map<string, Target>();
  #retainUntil: string | null = null;

  add(leaf: number, event: Json): void {
    const data = objectAt(event, 'data');
    const attribution = objectAt(data, 'attribution');
    const policy = objectAt(attribution, 'policy');
    const digest = textAt(policy, 'digest');
    if (digest !== undefined) this.#policy(leaf, policy, digest);
    if (textAt(event, 'type') === 'tollgate.usage.v1') this.#target(attribution);
    const until = textAt(data, 'retain_until');
    if (until !== undefined && (this.#retainUntil === null || until > this.#retainUntil))
      this.#retainUntil = until;
  }

  /** Which configurations decided, by digest. */
  configuration(): string {
    const policies = [...this.#policies.values()].sort(byText(({ digest }) => digest));
    return `${JSON.stringify({ policies }, null, 2)}\n`;
  }

  /** Digests of the policy files that decided, in order. */
  policyDigests(): string[] {
    return [...new Set([...this.#policies.values()].map(({ digest }) => digest))].sort();
  }

  /** Where requests went, and what is kept. */
  dataHandling(): string {
    const targets = [...this.#targets.values()].sort(byText((target) => JSON.stringify(target)));
    const handling = { assertions: ASSERTIONS, targets, events_kept_until_at_least: this.#retainUntil };
    return `${JSON.stringify(handling, null, 2)}\n`;
  }

  #policy(leaf: number, policy: Json, digest: string): void {
    const name = textAt(policy, 'name') ?? '';
    const version = textAt(policy, 'version') ?? '';
    const key = JSON.stringify([digest, name, version]);
    const known = this.#policies.get(key) ?? {
      digest,
      name,
      version,
      first_leaf: leaf,
      last_leaf: leaf,
      events: 0,
    };
    this.#policies.set(key, { ...known, last_leaf: leaf, events: known.events + 1 });
  }

  #target(attribution: Json): void {
    const member = (name: string) => textAt(attribution, name) ?? null;
    const target = {
      target_id: member('target_id'),
      served_model: member('served_model'),
      serving_mode: member('serving_mode'),
      region: member('region'),
    };
    const key = JSON.stringify(target);
    this.#targets.set(key, { ...target, attempts: (this.#targets.get(key)?.attempts ?? 0) + 1 });
  }
}

interface Policy {
  readonly digest: string;
  readonly name: string;
  readonly version: string;
  readonly first_leaf: number;
  readonly last_leaf: number;
  readonly events: number;
}

interface Target {
  readonly target_id: string | null;
  readonly served_model: string | null;
  readonly serving_mode: string | null;
  readonly region: string | null;
  readonly attempts: number;
}

/** True of every event of this version, by its schema. */
const ASSERTIONS = [
  'No event holds a prompt, a completion or what a policy matched: events hold sizes, counts, identifiers and outcomes.',
  'Findings name policy, rule, action and count, never the text that was found.',
  'Of the address of a caller, events hold the first 24 (IPv4) or 48 (IPv6) bits.',
];

function byText<T>(textOf: (item: T) => string): (a: T, b: T) => number {
  return (a, b) => (textOf(a) < textOf(b) ? -1 : 1);
}
