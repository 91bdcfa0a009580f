const ENDPOINTS = 'https://{workspace}.azuredatabricks.net/serving-endpoints';
export const LLAMA_70B = 'databricks-meta-llama-3-3-70b-instruct';
export const LLAMA_405B = 'databricks-meta-llama-3-1-405b-instruct';
export const DBRX = 'databricks-dbrx-instruct';
export const MIXTRAL = 'databricks-mixtral-8x7b-instruct';
export const EMBEDDINGS = 'databricks-bge-large-en';

const pack = (name: string): string => `pack: {name: ${name}, version: 1.0.0, enabled: true}\n`;
const target = (id: string, provider: string, more = ''): string =>
  `    - {id: ${id}, provider: '${provider}', base_url: '${ENDPOINTS}', secret_key_ref: {env: DATABRICKS_TOKEN}${more}}\n`;
const one = (more = ''): string =>
  `providers:\n  targets:\n${target('llama', `databricks:chat:${LLAMA_70B}`, more)}`;
const RECORDED = `policies: {chain: [audit-logger]}
policy: {audit-logger: {immutable: true, retention_days: 365, log_all_access: true}}
`;
const detector = (settings: string): string =>
  `${pack('detector') + one()}policies: {chain: [pii-detector]}\npolicy: {pii-detector: ${settings}}\n`;
const injection = (settings: string): string =>
  `${pack('injection') + one()}policies: {chain: [prompt-injection]}\npolicy: {prompt-injection: ${settings}}\n`;

const ENTITIES = 'PERSON, EMAIL_ADDRESS, PHONE_NUMBER, CREDIT_CARD, IBAN, US_SSN, IP_ADDRESS';

/** Files such as a company begins with; among them every rule that a file of its own may hold. */
export const OWN_EXAMPLES: Readonly<Record<string, string>> = {
  'one endpoint, everything recorded': pack('minimal') + one() + RECORDED,
  'every policy': `${pack('governance')}policies:
  chain: [prompt-injection, pii-detector, dlp-filter, rbac, audit-logger]
policy:
  rbac:
    roles:
      data-engineer: {allowed_models: [${LLAMA_70B}, ${DBRX}], max_tokens_per_request: 4096}
      data-scientist: {allowed_models: [${LLAMA_70B}, ${LLAMA_405B}, ${DBRX}, ${MIXTRAL}], max_tokens_per_request: 8192}
      analyst: {allowed_models: [${LLAMA_70B}], max_tokens_per_request: 2048}
  dlp-filter:
    patterns:
      - {name: databricks-pat, regex: 'dapi[a-f0-9]{32}', action: block}
      - {name: jdbc-connection-string, regex: 'jdbc:databricks://[^\\s]+', action: redact}
      - {name: unity-catalog-path, regex: 'catalog\\.schema\\.table', action: redact}
  pii-detector: {action: redact, entities: [PERSON, EMAIL_ADDRESS, PHONE_NUMBER]}
providers:
  targets:
${target('llama-70b', `databricks:chat:${LLAMA_70B}`)}${target('llama-405b', `databricks:chat:${LLAMA_405B}`)}${target('dbrx', `databricks:chat:${DBRX}`)}${target('embeddings', 'databricks', ', model: databricks-bge-large-en')}`,
  'streams with a deadline': pack('streaming') + one(', timeout_seconds: 120, health_probe: true') + RECORDED,
  'names of tables and secrets': `${pack('catalogue')}policies: {chain: [dlp-filter]}
policy:
  dlp-filter:
    action: block
    detect_patterns: ['[a-z_]+\\.[a-z_]+\\.[a-z_]+', 'dbutils\\.secrets\\.get\\([^)]+\\)', '0[0-9]{3}-[0-9]{6}-[a-z0-9]{8}']
`,
  'roles of teams': `${pack('roles')}policies: {chain: [rbac]}
policy:
  rbac:
    roles:
      ai-platform: {allowed_models: [${LLAMA_405B}, ${LLAMA_70B}, ${DBRX}, ${MIXTRAL}], max_tokens_per_request: 16384}
      application-team: {allowed_models: [${LLAMA_70B}], max_tokens_per_request: 4096}
      read-only: {allowed_models: [], action: block}
`,
  'nothing kept upstream': pack('retention') + one(', data_policy: {zero_data_retention: true}') + RECORDED,
  'every entity redacted': detector(`{action: redact, entities: [${ENTITIES}]}`),
  'every entity blocked': detector(`{action: block, entities: [${ENTITIES}]}`),
  'every entity flagged': detector(`{action: flag, entities: [${ENTITIES}]}`),
  'attacks flagged': injection('{action: flag}'),
  'only the plainest attacks blocked': injection('{threshold: 0.99}'),
};
