import { z } from 'zod';
import { policyFileSchema } from './file-schema.ts';

/** What identifies the published schema, wherever it is kept. */
export const JSON_SCHEMA_ID = 'urn:tollgate:policy-config';

/**
 * The JSON Schema (draft 2020-12) of policy-config.yaml, made from the definitions that files are read by. It tells shapes,
 * defaults and meanings; contradictions between fields are found only by reading a file.
 */
export function policyJsonSchema(): Readonly<Record<string, unknown>> {
  const { $schema, ...schema } = z.toJSONSchema(policyFileSchema, { io: 'input', target: 'draft-2020-12' });
  return { $schema, $id: JSON_SCHEMA_ID, title: 'Tollgate policy-config.yaml', ...schema };
}
