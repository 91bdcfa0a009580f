import { isObject, type JsonObject } from '../json-object.ts';

/** Deeper schemas are answered with null; it bounds those that hold themselves. */
const MAX_DEPTH = 16;

const TEXT = 'every call';
const FORMATS: ReadonlyMap<unknown, string> = new Map([
  ['date', '2026-01-31'],
  ['date-time', '2026-01-31T12:00:00Z'],
  ['email', 'someone@example.com'],
  ['uri', 'https://example.com/'],
  ['uuid', '00000000-0000-4000-8000-000000000000'],
]);

/**
 * A value that a JSON schema allows, always the same one: the first of what may be chosen from, the least from one
 * on of what is counted. Patterns and lengths are not looked at.
 */
export function instanceOf(schema: unknown): unknown {
  return instance(schema, isObject(schema) ? schema : {}, 0);
}

function instance(schema: unknown, root: JsonObject, depth: number): unknown {
  if (!isObject(schema) || depth > MAX_DEPTH) return schema === true ? TEXT : null;
  if (typeof schema['$ref'] === 'string') return instance(resolved(schema['$ref'], root), root, depth + 1);
  if ('const' in schema) return schema['const'];
  if (Array.isArray(schema['enum'])) return schema['enum'][0] ?? null;
  const [first] = [schema['anyOf'], schema['oneOf'], schema['allOf']].filter(Array.isArray);
  if (first !== undefined) return instance(first[0], root, depth + 1);
  const given = schema['type'];
  const type: unknown = Array.isArray(given) ? given[0] : (given ?? 'object');
  switch (type) {
    case 'object':
      return objectOf(schema, root, depth);
    case 'array':
      return [instance(schema['items'] ?? true, root, depth + 1)];
    case 'string':
      return FORMATS.get(schema['format']) ?? TEXT;
    case 'integer':
    case 'number':
      return Math.max(1, typeof schema['minimum'] === 'number' ? schema['minimum'] : 1);
    case 'boolean':
      return true;
    default:
      return null;
  }
}

function objectOf({ properties }: JsonObject, root: JsonObject, depth: number): JsonObject {
  if (!isObject(properties)) return {};
  return Object.fromEntries(
    Object.entries(properties).map(([name, schema]) => [name, instance(schema, root, depth + 1)]),
  );
}

/** What `#/$defs/name` and its like point to. */
function resolved(reference: string, root: JsonObject): unknown {
  let place: unknown = root;
  for (const step of reference.split('/').slice(1)) place = isObject(place) ? place[step] : undefined;
  return place;
}
