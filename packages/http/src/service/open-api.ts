import { z } from 'zod';
import { HttpError, PROBLEMS, type ProblemKind } from '../errors.ts';
import { PROBLEM_CONTENT_TYPE, problemBody } from './problem-answer.ts';
import type { AnswerContent, Route } from './route.ts';

type Json = { [member: string]: unknown };

export type OpenApiOptions = {
  readonly title: string;
  readonly version: string;
  readonly description?: string;
};

/** The OpenAPI 3.1 document of a service, built from the same routes that it serves. */
export function openApiDocument(options: OpenApiOptions, routes: readonly Route[]): Json {
  const components = new Components();
  const paths: { [path: string]: Json } = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}');
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(route, components) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: options.title,
      version: options.version,
      ...(options.description === undefined ? {} : { description: options.description }),
    },
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'an access token, `tgs_…`' },
      },
      schemas: components.schemas,
    },
  };
}

/** The refusals that the frame itself gives on a route, besides those that the route declares. */
export function problemsOf(route: Route): ProblemKind[] {
  const open = 'public' in route.access;
  return [
    PROBLEMS.badRequest,
    PROBLEMS.invalidRequest,
    ...(open ? [] : [PROBLEMS.tokenMissing, PROBLEMS.tokenInvalid, PROBLEMS.tokenExpired]),
    ...('scope' in route.access ? [PROBLEMS.scopeMissing] : []),
    PROBLEMS.methodNotAllowed,
    ...(route.method === 'GET'
      ? []
      : [PROBLEMS.badJson, PROBLEMS.bodyTooLarge, PROBLEMS.unsupportedMediaType]),
    ...(route.problems ?? []),
    PROBLEMS.internal,
    PROBLEMS.unavailable,
    PROBLEMS.deadlineExceeded,
  ];
}

function operation(route: Route, components: Components): Json {
  const { access } = route;
  return {
    operationId: route.operationId,
    summary: route.summary,
    ...(route.tag === undefined ? {} : { tags: [route.tag] }),
    description: [
      route.description,
      'scope' in access ? `Scope: \`${access.scope}\`.` : undefined,
      'authenticated' in access ? 'Any valid token.' : undefined,
    ]
      .filter((line) => line !== undefined)
      .join('\n\n'),
    security: 'public' in access ? [] : [{ bearer: [] }],
    parameters: [
      ...parameters(route.params, 'path', components),
      ...parameters(route.query, 'query', components),
    ],
    ...(route.takesBytes === true
      ? { requestBody: { required: true, content: { 'application/octet-stream': {} } } }
      : {}),
    ...(route.body === undefined
      ? {}
      : {
          requestBody: {
            required: true,
            content: { 'application/json': { schema: components.schemaOf(route.body, 'input') } },
          },
        }),
    responses: responses(route, components),
  };
}

function parameters(
  schema: z.ZodObject | undefined,
  where: 'path' | 'query',
  components: Components,
): Json[] {
  if (schema === undefined) return [];
  return Object.entries(schema.shape).map(([name, member]) => ({
    name,
    in: where,
    required: where === 'path' || !z.safeParse(member, undefined).success,
    schema: components.schemaOf(member, 'input'),
  }));
}

function responses(route: Route, components: Components): Json {
  const all: { [status: string]: Json } = {};
  for (const [status, content] of Object.entries(route.answers)) {
    const links = route.links?.[Number(status)];
    all[status] = {
      description: descriptionOf(Number(status)),
      ...contentOf(content, components),
      ...(links === undefined ? {} : { links }),
    };
  }
  const byStatus = Map.groupBy(problemsOf(route), (kind) => kind.status);
  for (const [status, kinds] of [...byStatus].toSorted(([a], [b]) => a - b)) {
    // A declared answer of the same status (such as 503 of /readyz) stands.
    all[String(status)] ??= {
      description: [...new Set(kinds.map((kind) => `\`${kind.code}\`: ${kind.title}.`))].join(' '),
      ...headersOf(status),
      content: { [PROBLEM_CONTENT_TYPE]: { schema: components.schemaOf(problemBody, 'output') } },
    };
  }
  return all;
}

function contentOf(content: AnswerContent, components: Components): Json {
  if (content === null) return {};
  if (content instanceof z.ZodType) {
    return { content: { 'application/json': { schema: components.schemaOf(content, 'output') } } };
  }
  const all: Json = {};
  if (content.json !== undefined)
    all['application/json'] = { schema: components.schemaOf(content.json, 'output') };
  for (const raw of content.raw) all[raw.contentType] = { schema: { type: 'string' } };
  return { content: all };
}

function headersOf(status: number): Json {
  const headers: Readonly<Record<number, string>> = {
    401: 'WWW-Authenticate',
    405: 'Allow',
    429: 'Retry-After',
  };
  const name = headers[status];
  return name === undefined ? {} : { headers: { [name]: { required: true, schema: { type: 'string' } } } };
}

function descriptionOf(status: number): string {
  const words: Readonly<Record<number, string>> = {
    200: 'Done.',
    201: 'Created.',
    202: 'Accepted.',
    204: 'Done.',
  };
  return words[status] ?? 'See the description.';
}

/** Named schemas (`.meta({ id })`), collected as they are met. */
class Components {
  readonly schemas: { [name: string]: unknown } = {};

  schemaOf(schema: z.core.$ZodType, io: 'input' | 'output'): unknown {
    const {
      $schema: _,
      $defs,
      ...own
    } = z.toJSONSchema(schema, {
      io,
      target: 'draft-2020-12',
      override({ zodSchema, jsonSchema }) {
        const own = z.globalRegistry.get(zodSchema)?.['jsonSchema'];
        if (own === undefined || own === null || typeof own !== 'object') return;
        for (const member of Object.keys(jsonSchema)) delete jsonSchema[member];
        Object.assign(jsonSchema, own);
      },
    });
    for (const [name, definition] of Object.entries($defs ?? {})) this.#keep(name, definition);
    return relocate(own);
  }

  #keep(name: string, definition: unknown): void {
    const schema = relocate(definition);
    const before = this.schemas[name];
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(schema)) {
      throw new HttpError(
        'route_duplicate',
        `two different schemas are named ${name}: name one of them anew`,
      );
    }
    this.schemas[name] = schema;
  }
}

/** Points references at where an OpenAPI document keeps named schemas. */
function relocate(json: unknown): unknown {
  if (Array.isArray(json)) return json.map(relocate);
  if (json === null || typeof json !== 'object') return json;
  return Object.fromEntries(
    Object.entries(json).map(([member, value]) => [
      member,
      member === '$ref' && typeof value === 'string'
        ? value.replace(/^#\/\$defs\//, '#/components/schemas/')
        : relocate(value),
    ]),
  );
}
