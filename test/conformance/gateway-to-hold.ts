import { parseEvent, type TollgateEvent } from '@tollgate/events';
import {
  createSimulatedDatabricks,
  FOUNDATION_MODELS,
  type SimulatedDatabricks,
} from '@tollgate/simulated-databricks';
import { createLogger } from '@tollgate/telemetry';
import { temporaryFolder } from '@tollgate/testing';
import { prepareInstallation } from 'tollgate/replay';
import { STACK_MODEL, startStack } from 'tollgate/stack';

export const CHAT_MODEL = STACK_MODEL;
export const EMBEDDING_MODEL = 'databricks-bge-large-en';
/** For errors after which the gateway leaves a target alone for a while. */
export const LIMITED_MODEL = 'databricks-dbrx-instruct';
export const RESTING_MODEL = 'databricks-mixtral-8x7b-instruct';
/** Takes rows rather than texts. */
export const CUSTOM_MODEL = 'churn';
/** Behind an address that is OpenAI-compatible and no workspace. */
export const PLAIN_MODEL = 'plain';

/** A gateway with all its services, in front of a workspace whose token counts are known. */
export interface GatewayToHold {
  readonly url: string;
  /** What an application is given: an OpenAI base URL and a key. */
  readonly baseURL: string;
  readonly apiKey: string;
  readonly upstream: SimulatedDatabricks;
  /** What the audit trail holds by now. */
  trail(): Promise<TollgateEvent[]>;
  stop(): Promise<void>;
}

/** What the clients' tests are given before any of them runs. */
export type Held = () => GatewayToHold;

const target = (id: string, provider: string, url: string, more = ''): string =>
  `    - { id: ${id}, provider: '${provider}', base_url: '${url}/serving-endpoints', secret_key_ref: { env: DATABRICKS_TOKEN }${more} }`;

const policyConfig = (url: string): string => `
pack: { name: conformance, version: 1.0.0, enabled: true }
providers:
  targets:
${target('chat', `databricks:chat:${CHAT_MODEL}`, url)}
${target('limited', `databricks:chat:${LIMITED_MODEL}`, url)}
${target('resting', `databricks:chat:${RESTING_MODEL}`, url)}
${target('embeddings', `databricks:embeddings:${EMBEDDING_MODEL}`, url)}
${target('custom', 'databricks', url, `, model: ${CUSTOM_MODEL}, serving_mode: custom`)}
${target('plain', `openai-compatible:chat:${PLAIN_MODEL}`, url)}
policies: { chain: [audit-logger] }
policy:
  audit-logger: { immutable: true, retention_days: 365, log_all_access: true }
`;

export async function startGatewayToHold(): Promise<GatewayToHold> {
  const upstream = createSimulatedDatabricks({
    tokens: null,
    endpoints: [
      ...FOUNDATION_MODELS,
      { name: CUSTOM_MODEL, task: 'custom' },
      { name: PLAIN_MODEL, task: 'chat' },
    ],
  });
  await upstream.listen();
  const stack = await startStack({
    folder: temporaryFolder('conformance'),
    bus: { kind: 'embedded' },
    policyConfig: () => policyConfig(upstream.url),
    logger: createLogger({ service: 'conformance', level: 'warn' }),
  });
  const stop = async () => {
    await stack.stop();
    await upstream.close();
  };
  const prepared = prepareInstallation(stack, { teams: 1, model: CHAT_MODEL });
  const { token, teams } = await prepared.catch(async (error: unknown) => {
    await stop();
    throw error;
  });
  return {
    url: stack.gatewayUrl,
    baseURL: `${stack.gatewayUrl}/v1`,
    apiKey: teams[0]?.key ?? '',
    upstream,
    async trail() {
      const response = await fetch(`${stack.auditUrl}/v1/archive?limit=10000`, {
        headers: { authorization: `Bearer ${token}` },
      });
      const lines = (await response.text()).trimEnd().split('\n').slice(0, -1);
      return lines.map((line) => {
        const parsed = parseEvent(Buffer.from(JSON.parse(line).event, 'base64'));
        if (parsed.kind !== 'event') throw new Error(`the archive holds ${parsed.kind}`);
        return parsed.event;
      });
    },
    stop,
  };
}
