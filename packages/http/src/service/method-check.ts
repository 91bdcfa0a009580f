import type { FastifyInstance } from 'fastify';
import { HttpError, HttpProblem, PROBLEMS } from '../errors.ts';
import type { Route } from './route.ts';

/** Answers a known path's unknown methods with 405 and `Allow`, and unknown paths with 404. */
export function installMethodCheck(app: FastifyInstance, routes: readonly Route[]): void {
  const known = new Map<string, { pattern: RegExp; methods: Set<string> }>();
  for (const { method, path } of routes) {
    let entry = known.get(path);
    if (entry === undefined) {
      entry = { pattern: patternOf(path), methods: new Set() };
      known.set(path, entry);
    }
    if (entry.methods.has(method))
      throw new HttpError('route_duplicate', `${method} ${path} is declared twice`);
    entry.methods.add(method);
    // The server answers HEAD wherever it answers GET.
    if (method === 'GET') entry.methods.add('HEAD');
  }
  // As a hook, since the server reads the body, and judges how it is sent, before it calls a not-found handler.
  app.addHook('onRequest', async (request) => {
    if (!request.is404) return;
    const path = request.url.split('?', 1)[0] ?? '';
    const entry = [...known.values()].find(({ pattern }) => pattern.test(path));
    if (entry === undefined) {
      throw new HttpProblem(PROBLEMS.routeNotFound, 'there is no such path; /openapi.json lists them');
    }
    const allow = [...entry.methods].join(', ');
    throw new HttpProblem(PROBLEMS.methodNotAllowed, `use ${allow}`, { headers: { allow } });
  });
}

function patternOf(path: string): RegExp {
  const source = path
    .split('/')
    .map((part) => (part.startsWith(':') ? '[^/]+' : part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')))
    .join('/');
  return new RegExp(`^${source}$`);
}
