import {
  type AccessToken,
  type ApiKey,
  type DirectoryEntity,
  type DirectoryKind,
  parseEvent,
} from '@tollgate/events';
import { type StandingRole, StandingRoles } from './standing-roles.ts';

/** The entity of one kind. */
export type EntityOf<K extends DirectoryKind> = Extract<DirectoryEntity, { kind: K }>;

/** A live key and the instant, in milliseconds since 1970, from which it is no longer valid (or Infinity). */
export type KnownApiKey = { readonly key: ApiKey; readonly expiresAtMs: number };
export type KnownAccessToken = { readonly token: AccessToken; readonly expiresAtMs: number };

/** Told after an entity has been taken in; `deleted` says whether it is gone. */
export type DirectoryListener = (entity: DirectoryEntity) => void;

/**
 * The directory's state in memory, built from its messages in any order: of each entity the greatest version is
 * kept. A deleted one answers no look-up but `nameOf`; it is remembered, so that an older message can't bring it back.
 */
export class DirectoryView {
  readonly #kept = new Map<string, DirectoryEntity>();
  readonly #byKind = new Map<DirectoryKind, Map<string, DirectoryEntity>>();
  readonly #keys = new Map<string, KnownApiKey>();
  readonly #tokens = new Map<string, KnownAccessToken>();
  readonly #instances = new Map<string, EntityOf<'gateway-instance'>>();
  readonly #standing = new StandingRoles();
  readonly #listeners = new Set<DirectoryListener>();
  #heartbeatAtMs: number | null = null;
  #malformed = 0;
  #tooNew: string | null = null;

  /** Takes one message of the directory topic. Never throws: what it can't read shows in `trouble` and `malformed`. */
  apply(message: { readonly key: string; readonly value: Buffer }): void {
    if (message.value.byteLength === 0) return;
    const parsed = parseEvent(message.value);
    if (parsed.kind === 'unknown-version') {
      this.#tooNew = parsed.type;
      return;
    }
    if (parsed.kind === 'event' && parsed.event.type === 'tollgate.directory.v1') {
      this.applyEntity(parsed.event.data.entity);
    } else if (parsed.kind === 'event' && parsed.event.type === 'tollgate.directory.heartbeat.v1') {
      const atMs = Date.parse(parsed.event.data.at);
      this.#heartbeatAtMs = Math.max(this.#heartbeatAtMs ?? atMs, atMs);
    } else {
      this.#malformed += 1;
    }
  }

  /** Takes one entity; says whether it was news. */
  applyEntity(entity: DirectoryEntity): boolean {
    const key = `${entity.kind}/${entity.id}`;
    const before = this.#kept.get(key);
    if (before !== undefined && before.version >= entity.version) return false;
    if (before !== undefined && !before.deleted) this.#unindex(before);
    this.#kept.set(key, entity);
    if (!entity.deleted) this.#index(entity);
    for (const listener of this.#listeners) listener(entity);
    return true;
  }

  /** The live API key with this SHA-256 (hex); one look-up in a map. The caller compares the expiry with its clock. */
  apiKeyByHash(sha256: string): KnownApiKey | undefined {
    return this.#keys.get(sha256);
  }

  /** The access token with this SHA-256 (hex). */
  accessTokenByHash(sha256: string): KnownAccessToken | undefined {
    return this.#tokens.get(sha256);
  }

  /** A live entity. */
  entity<K extends DirectoryKind>(kind: K, id: string): EntityOf<K> | undefined {
    // Each kind has a map of its own, so what is found there is of that kind.
    return this.#byKind.get(kind)?.get(id) as EntityOf<K> | undefined;
  }

  /** All live entities of a kind, in no particular order. */
  entities<K extends DirectoryKind>(kind: K): EntityOf<K>[] {
    return [...(this.#byKind.get(kind)?.values() ?? [])] as EntityOf<K>[];
  }

  /** What an entity is or, once it is deleted, was called: reports name what their events were charged to. */
  nameOf(kind: DirectoryKind, id: string): string | undefined {
    const entity = this.#kept.get(`${kind}/${id}`);
    return entity !== undefined && 'name' in entity && typeof entity.name === 'string'
      ? entity.name
      : undefined;
  }

  /** The cost centre that a key's calls go to: its own, else its project's, else its team's. */
  costCentreOf(key: ApiKey): string | null {
    const project = key.project_id === null ? undefined : this.entity('project', key.project_id);
    return (
      key.cost_centre_id ??
      project?.cost_centre_id ??
      this.entity('team', key.team_id)?.cost_centre_id ??
      null
    );
  }

  /** The groups that a user or service principal belongs to. */
  groupsOf(principalId: string): readonly string[] {
    return this.#standing.groupsOf(principalId);
  }

  /** The roles that a principal holds at an instant: by its groups, and by grants that have not expired. */
  rolesOf(principalId: string, nowMs: number): readonly StandingRole[] {
    return this.#standing.rolesOf(principalId, nowMs);
  }

  /** A registered gateway by the name of its instance. */
  gatewayInstance(instance: string): EntityOf<'gateway-instance'> | undefined {
    return this.#instances.get(instance);
  }

  /** Calls back on each change; the function that is returned ends that. */
  onChange(listener: DirectoryListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** How long ago, in milliseconds, the directory last said that it is well; Infinity if it never did. */
  heartbeatAgeMs(nowMs: number): number {
    return this.#heartbeatAtMs === null ? Number.POSITIVE_INFINITY : Math.max(0, nowMs - this.#heartbeatAtMs);
  }

  /** Messages that were no event of the directory; they change nothing. */
  get malformed(): number {
    return this.#malformed;
  }

  /** Why the state can't be trusted, or null. Feeds readiness. */
  trouble(): string | null {
    if (this.#tooNew === null) return null;
    return `the directory sends ${this.#tooNew}, which this release does not know: upgrade it`;
  }

  #index(entity: DirectoryEntity): void {
    let ofKind = this.#byKind.get(entity.kind);
    if (ofKind === undefined) {
      ofKind = new Map();
      this.#byKind.set(entity.kind, ofKind);
    }
    ofKind.set(entity.id, entity);
    this.#standing.add(entity);
    if (entity.kind === 'api-key') {
      this.#keys.set(entity.sha256, { key: entity, expiresAtMs: expiry(entity.expires_at) });
    } else if (entity.kind === 'access-token') {
      this.#tokens.set(entity.sha256, { token: entity, expiresAtMs: expiry(entity.expires_at) });
    } else if (entity.kind === 'gateway-instance') {
      this.#instances.set(entity.instance, entity);
    }
  }

  #unindex(entity: DirectoryEntity): void {
    this.#byKind.get(entity.kind)?.delete(entity.id);
    this.#standing.remove(entity);
    if (entity.kind === 'api-key') this.#keys.delete(entity.sha256);
    else if (entity.kind === 'access-token') this.#tokens.delete(entity.sha256);
    else if (entity.kind === 'gateway-instance') this.#instances.delete(entity.instance);
  }
}

function expiry(instant: string | null): number {
  return instant === null ? Number.POSITIVE_INFINITY : Date.parse(instant);
}
