import type { ServiceClient } from '@tollgate/http';
import { z } from 'zod';
import type { EntityKind } from '../entities/entity-kind.ts';

/** One entity as the API shows it. */
export type Shown<K extends EntityKind> = z.output<K['shown']>;
type BodyOf<S> = S extends z.ZodType ? z.input<S> : never;
/** What a creation answers: with the secret, where the kind has one. */
export type Created<K extends EntityKind> = Shown<K> &
  (K extends { readonly secret: string } ? { readonly secret: string } : unknown);
type Filters<K extends EntityKind> = { readonly [F in K['filters'][number]]?: string };

/** The calls of one kind. */
export type EntityClient<K extends EntityKind> = {
  create(values: BodyOf<K['creation']>): Promise<Created<K>>;
  get(id: string): Promise<Shown<K>>;
  /** All, oldest first, read page by page. */
  list(filters?: Filters<K>): AsyncGenerator<Shown<K>>;
  /** @param values with the `version` that the change was decided on */
  update(id: string, values: BodyOf<K['change']> & { readonly version: number }): Promise<Shown<K>>;
  /** @param version only if it is still at this one */
  delete(id: string, version?: number): Promise<void>;
};

export function entityClient<K extends EntityKind>(service: ServiceClient, kind: K): EntityClient<K> {
  const all = `/v1/${kind.path}`;
  const one = (id: string) => `${all}/${encodeURIComponent(id)}`;
  const shown: z.ZodType = kind.shown;
  const created = kind.secret === undefined ? shown : kind.shown.extend({ secret: z.string() });
  // The schemas that check the answers are the ones that the types are made of.
  return {
    create: (values: unknown) => service.call({ method: 'POST', path: all, body: values, answer: created }),
    get: (id: string) => service.call({ method: 'GET', path: one(id), answer: shown }),
    list: (filters: Record<string, string> = {}) => service.list({ path: all, query: filters, item: shown }),
    update: (id: string, values: unknown) =>
      service.call({ method: 'PATCH', path: one(id), body: values, answer: shown }),
    delete: (id: string, version?: number) =>
      service.call({ method: 'DELETE', path: one(id), query: { version }, answer: z.undefined() }),
  } as EntityClient<K>;
}
