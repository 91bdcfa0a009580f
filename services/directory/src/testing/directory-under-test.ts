import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Bus, OutgoingMessage } from '@tollgate/bus';
import { openPool, type Pool } from '@tollgate/database';
import type { Service } from '@tollgate/http';
import { createLogger, createMetrics } from '@tollgate/telemetry';
import { createTestDatabase, type TestDatabase, temporaryFolder, until } from '@tollgate/testing';
import { createDirectory, type DirectoryOptions } from '../app.ts';
import { directoryMigrations } from '../migrations.ts';

/** A clock that stands still until it is moved. */
export type TestClock = { nowMs: number };

export type Answer = {
  readonly status: number;
  readonly body: Body;
  readonly headers: Record<string, unknown>;
};
/** Tests look into answers as they come. */
// biome-ignore lint/suspicious/noExplicitAny: an answer is JSON of any shape here
type Body = any;

export type DirectoryUnderTest = {
  readonly directory: Service;
  readonly pool: Pool;
  readonly database: TestDatabase;
  readonly clock: TestClock;
  readonly bootstrapTokenFile: string;
  readonly bootstrapToken: string;
  /** What went to the bus so far, where the bus is not a given one. */
  readonly published: OutgoingMessage[];
  call(method: string, url: string, body?: unknown, token?: string): Promise<Answer>;
  /** Calls and fails the test unless it answers 2xx. */
  must(method: string, url: string, body?: unknown, token?: string): Promise<Body>;
  stop(): Promise<void>;
};

const HOUR_MS = 3_600_000;
export const START_MS = Date.parse('2026-03-01T12:00:00.000Z');
export const MAX_GRANT_MS = 72 * HOUR_MS;

/** The service on a fresh database, with a clock of its own and a bus that only remembers. */
export async function directoryUnderTest(
  options: Partial<DirectoryOptions> & { readonly database?: TestDatabase } = {},
): Promise<DirectoryUnderTest> {
  const { database = await createTestDatabase({ services: [directoryMigrations] }), ...overrides } = options;
  const databaseUrl = database.urlFor(directoryMigrations.role);
  const pool = openPool({ url: databaseUrl, applicationName: 'tollgate-directory-test' });
  const folder = temporaryFolder('directory');
  const clock: TestClock = { nowMs: START_MS };
  const published: OutgoingMessage[] = [];
  const bootstrapTokenFile = path.join(folder, 'bootstrap-token');
  const directory = await createDirectory({
    pool,
    databaseUrl,
    bus: rememberingBus(published),
    logger: createLogger({ service: 'directory', level: 'silent' }),
    metrics: createMetrics(),
    bootstrapTokenFile,
    maxGrantMs: MAX_GRANT_MS,
    now: () => clock.nowMs,
    ...overrides,
  });
  const bootstrapToken = readOrEmpty(bootstrapTokenFile);
  const call = async (
    method: string,
    url: string,
    body?: unknown,
    token = bootstrapToken,
  ): Promise<Answer> => {
    const answer = await directory.http.inject({
      method: method as 'GET',
      url,
      headers: token === '' ? {} : { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { payload: body as object }),
    });
    return {
      status: answer.statusCode,
      headers: answer.headers,
      body: answer.body === '' ? undefined : JSON.parse(answer.body),
    };
  };
  return {
    directory,
    pool,
    database,
    clock,
    bootstrapTokenFile,
    bootstrapToken,
    published,
    call,
    async must(method, url, body, token) {
      const answer = await call(method, url, body, token);
      if (answer.status >= 300) {
        throw new Error(`${method} ${url} answered ${answer.status}: ${JSON.stringify(answer.body)}`);
      }
      return answer.body;
    },
    async stop() {
      await directory.stop();
      await pool.end();
      if (options.database === undefined) await database.close();
    },
  };
}

/** The events of a type and subject (`<kind>/<id>`) that have been published, once there are as many. */
export async function publishedEvents(
  test: DirectoryUnderTest,
  type: string,
  subject: string,
  atLeast: number,
): Promise<Body[]> {
  const all = () =>
    test.published
      .map(({ value }) => JSON.parse(value.toString()))
      .filter((event) => event.type === type && event.subject === subject);
  await until(() => all().length >= atLeast, {
    timeoutMs: 10_000,
    describe: () => `${all().length} of ${atLeast} events of ${type} about ${subject}`,
  });
  return all();
}

/** An organisation with two teams and a project, as most tests need it. */
export async function smallCompany(test: DirectoryUnderTest) {
  const organisation = await test.must('POST', '/v1/organisations', { name: 'Acme', currency: 'EUR' });
  const make = (path: string, body: object) =>
    test.must('POST', `/v1/${path}`, { organisation_id: organisation.id, ...body });
  const search = await make('teams', { name: 'Search' });
  const ads = await make('teams', { name: 'Ads' });
  const project = await test.must('POST', '/v1/projects', { team_id: search.id, name: 'Ranking' });
  const user = await make('users', { name: 'Ada' });
  const robot = await make('service-principals', { name: 'Crawler' });
  return { organisation, search, ads, project, user, robot, make };
}

/** An access token with exactly these rights. */
export async function tokenWith(
  test: DirectoryUnderTest,
  rights: {
    readonly roles?: string[];
    readonly scopes?: string[];
    readonly organisation_id?: string | null;
    readonly team_id?: string | null;
    readonly principal_type?: string;
    readonly principal_id?: string;
    readonly expires_at?: string;
  },
): Promise<string> {
  const made = await test.must('POST', '/v1/access-tokens', {
    principal_type: 'service',
    principal_id: 'tester',
    name: `token ${tokens++}`,
    ...rights,
  });
  return made.secret;
}
let tokens = 0;

function rememberingBus(published: OutgoingMessage[]): Bus {
  const notHere = () => Promise.reject(new Error('the directory only publishes'));
  return {
    createPublisher: async () => ({
      publish: async (batch) => {
        published.push(...batch);
      },
      close: async () => {},
    }),
    consume: notHere,
    follow: notHere,
    close: async () => {},
  };
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch {
    return '';
  }
}
