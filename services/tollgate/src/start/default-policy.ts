import { writeFileSync } from 'node:fs';

/** The policy of a first start: Databricks' foundation models, everything recorded. */
const DEFAULT_POLICY = `# What this Tollgate serves, and by which rules. It is yours to edit: what you change is taken up.
pack:
  name: local
  version: 1.0.0
  enabled: true

# Each target is one serving endpoint of the workspace at DATABRICKS_HOST; of the simulated one where that is not set.
# Credentials are those of the environment: DATABRICKS_TOKEN, or DATABRICKS_CLIENT_ID and DATABRICKS_CLIENT_SECRET.
providers:
  targets:
    - id: llama-3-3-70b
      provider: databricks:chat:databricks-meta-llama-3-3-70b-instruct
    - id: llama-3-1-405b
      provider: databricks:chat:databricks-meta-llama-3-1-405b-instruct
    - id: dbrx
      provider: databricks:chat:databricks-dbrx-instruct
    - id: mixtral-8x7b
      provider: databricks:chat:databricks-mixtral-8x7b-instruct
    - id: bge-large
      provider: databricks:embeddings:databricks-bge-large-en

policies:
  chain:
    - audit-logger

policy:
  audit-logger:
    immutable: true
    retention_days: 365
    log_all_access: true
`;

/** A chat model of the default policy. */
export const DEMO_MODEL = 'databricks-meta-llama-3-3-70b-instruct';

/** Writes the default policy where there is none. @returns whether it did */
export function writeDefaultPolicy(file: string): boolean {
  try {
    writeFileSync(file, DEFAULT_POLICY, { flag: 'wx', mode: 0o600 });
    return true;
  } catch (error) {
    if (error instanceof Error && Reflect.get(error, 'code') === 'EEXIST') return false;
    throw error;
  }
}
