import type { ServingTask } from './request.ts';

/** One serving endpoint of the simulated workspace. */
export interface SimulatedEndpoint {
  readonly name: string;
  readonly task: 'chat' | 'embeddings' | 'custom';
  /** The model that answers name as theirs; absent: the endpoint's name. */
  readonly servedModel?: string | undefined;
  /** Whether it answers `safe` or `unsafe` and categories, as guard models do; see README.md. */
  readonly judges?: boolean | undefined;
  /** Length of an embedding; 1024 unless given. */
  readonly dimensions?: number | undefined;
}

export type EndpointState = 'READY' | 'NOT_READY';

const DEFAULT_DIMENSIONS = 1_024;

/** The pay-per-token endpoints that every simulated workspace has. */
export const FOUNDATION_MODELS: readonly SimulatedEndpoint[] = [
  { name: 'databricks-meta-llama-3-3-70b-instruct', task: 'chat' },
  { name: 'databricks-meta-llama-3-1-405b-instruct', task: 'chat' },
  { name: 'databricks-dbrx-instruct', task: 'chat' },
  { name: 'databricks-mixtral-8x7b-instruct', task: 'chat' },
  { name: 'databricks-bge-large-en', task: 'embeddings', dimensions: DEFAULT_DIMENSIONS },
];

/** An endpoint with every member decided. */
export interface ServedEndpoint {
  readonly name: string;
  readonly task: SimulatedEndpoint['task'];
  /** `servedModel` as a JSON string, quotes included. */
  readonly modelJson: string;
  readonly judges: boolean;
  readonly dimensions: number;
}

/** Which endpoints there are and whether they are ready. */
export class Endpoints {
  readonly #byName: ReadonlyMap<string, ServedEndpoint>;
  readonly #notReady = new Set<string>();
  readonly #anyName: boolean;
  readonly #createdAtMs: number;

  constructor(endpoints: readonly SimulatedEndpoint[], anyName: boolean, createdAtMs: number) {
    this.#byName = new Map(endpoints.map((endpoint) => [endpoint.name, served(endpoint)]));
    this.#anyName = anyName;
    this.#createdAtMs = createdAtMs;
  }

  /** The endpoint of this name; where any name is served, or the name stands for a fault, one for the task asked. */
  find(name: string, task: ServingTask, faulty: boolean): ServedEndpoint | null {
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    if (!this.#anyName && !faulty) return null;
    return served({ name, task: endpointTask(task) });
  }

  setState(name: string, state: EndpointState): void {
    if (state === 'READY') this.#notReady.delete(name);
    else if (this.#anyName || this.#byName.has(name)) this.#notReady.add(name);
  }

  stateOf(name: string): EndpointState {
    return this.#notReady.has(name) ? 'NOT_READY' : 'READY';
  }

  /** As `GET /api/2.0/serving-endpoints` answers. */
  list(): unknown {
    return { endpoints: [...this.#byName.values()].map((endpoint) => this.#describe(endpoint)) };
  }

  /** As `GET /api/2.0/serving-endpoints/{name}` answers; `null`: there is none. */
  describe(name: string): unknown {
    const endpoint = this.find(name, 'chat', false);
    return endpoint === null ? null : this.#describe(endpoint);
  }

  #describe(endpoint: ServedEndpoint): unknown {
    return {
      name: endpoint.name,
      creation_timestamp: this.#createdAtMs,
      last_updated_timestamp: this.#createdAtMs,
      state: { ready: this.stateOf(endpoint.name), config_update: 'NOT_UPDATING' },
      config: {
        served_entities: [
          {
            name: endpoint.name,
            foundation_model: { name: `system.ai.${endpoint.name.replaceAll('-', '_')}` },
          },
        ],
      },
      task: endpoint.task === 'custom' ? undefined : `llm/v1/${endpoint.task}`,
      endpoint_type: endpoint.task === 'custom' ? 'UNITY_CATALOG_MODEL' : 'FOUNDATION_MODEL_API',
      permission_level: 'CAN_QUERY',
    };
  }
}

/** What an endpoint has to be for a task to be asked of it. */
export function endpointTask(task: ServingTask): SimulatedEndpoint['task'] {
  return task === 'embeddings' || task === 'custom' ? task : 'chat';
}

function served(endpoint: SimulatedEndpoint): ServedEndpoint {
  return {
    name: endpoint.name,
    task: endpoint.task,
    modelJson: JSON.stringify(endpoint.servedModel ?? endpoint.name),
    judges: endpoint.judges ?? false,
    dimensions: endpoint.dimensions ?? DEFAULT_DIMENSIONS,
  };
}
