import { ServiceClient, type ServiceClientOptions } from '@tollgate/http';
import { accessTokens } from '../entities/access-tokens.ts';
import { apiKeys } from '../entities/api-keys.ts';
import { costCentres } from '../entities/cost-centres.ts';
import { gatewayInstances } from '../entities/gateway-instances.ts';
import { groupRoles, groups } from '../entities/groups.ts';
import { organisations } from '../entities/organisations.ts';
import { servicePrincipals, users } from '../entities/principals.ts';
import { projects } from '../entities/projects.ts';
import { roleGrants } from '../entities/role-grants.ts';
import { teams } from '../entities/teams.ts';
import { type EntityClient, entityClient, type Shown } from './entity-client.ts';

export type DirectoryClientOptions = ServiceClientOptions;

export type GrantRequest = {
  readonly organisation_id: string;
  readonly principal_id: string;
  readonly role: string;
  readonly team_id?: string | null;
  readonly reason: string;
  /** RFC 3339 UTC. */
  readonly expires_at: string;
};

/** The directory's API, typed. Every call throws `ServiceError` for anything but the answer it is meant to have. */
export class DirectoryClient {
  readonly organisations: EntityClient<typeof organisations>;
  readonly costCentres: EntityClient<typeof costCentres>;
  readonly teams: EntityClient<typeof teams>;
  readonly projects: EntityClient<typeof projects>;
  readonly groups: EntityClient<typeof groups>;
  readonly groupRoles: EntityClient<typeof groupRoles>;
  readonly users: EntityClient<typeof users>;
  readonly servicePrincipals: EntityClient<typeof servicePrincipals>;
  readonly apiKeys: EntityClient<typeof apiKeys>;
  readonly accessTokens: EntityClient<typeof accessTokens>;
  readonly roleGrants: Omit<EntityClient<typeof roleGrants>, 'create' | 'update'>;
  readonly gatewayInstances: Omit<EntityClient<typeof gatewayInstances>, 'create' | 'update'>;
  readonly #service: ServiceClient;

  constructor(options: DirectoryClientOptions) {
    const service = new ServiceClient(options);
    this.#service = service;
    this.organisations = entityClient(service, organisations);
    this.costCentres = entityClient(service, costCentres);
    this.teams = entityClient(service, teams);
    this.projects = entityClient(service, projects);
    this.groups = entityClient(service, groups);
    this.groupRoles = entityClient(service, groupRoles);
    this.users = entityClient(service, users);
    this.servicePrincipals = entityClient(service, servicePrincipals);
    this.apiKeys = entityClient(service, apiKeys);
    this.accessTokens = entityClient(service, accessTokens);
    this.roleGrants = entityClient(service, roleGrants);
    this.gatewayInstances = entityClient(service, gatewayInstances);
  }

  /** Asks for a role for a while; it counts once somebody else has approved it. */
  requestGrant(request: GrantRequest): Promise<Shown<typeof roleGrants>> {
    return this.#service.call({
      method: 'POST',
      path: '/v1/role-grants',
      body: request,
      answer: roleGrants.shown,
    });
  }

  /** Approves somebody else's request, as it was at `version`. */
  approveGrant(id: string, version: number): Promise<Shown<typeof roleGrants>> {
    return this.#service.call({
      method: 'POST',
      path: `/v1/role-grants/${encodeURIComponent(id)}/approve`,
      body: { version },
      answer: roleGrants.shown,
    });
  }

  /** Registers a gateway's public key (base64 of its 32 bytes); repeatable. */
  registerGatewayInstance(instance: string, publicKey: string): Promise<Shown<typeof gatewayInstances>> {
    return this.#service.call({
      method: 'POST',
      path: '/v1/gateway-instances',
      body: { instance, public_key: publicKey },
      answer: gatewayInstances.shown,
    });
  }
}
