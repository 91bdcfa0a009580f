import { z } from 'zod';
import { policyFileSchema } from './file-schema.ts';

/** Where editors find the published schema, and what identifies it. */
export const JSON_SCHEMA_ID = 'https://tollgate.dev/schemas/policy-config.schema.json';

/**
 * The JSON Schema (draft 2020-12) of policy-config.yaml, made from the definitions that files are read by. It tells shapes,
 * defaults and meanings; contradictions between fields are found only by reading a file.
 */
export function policyJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...schema } = z.toJSONSchema(policyFileSchema, { io: 'input', target: 'draft-2020-12' });
  return { $schema, $id: JSON_SCHEMA_ID, title: 'Tollgate policy-config.yaml', ...schema };
}
