import { readFileSync } from 'node:fs';
import { z } from 'zod';

const environment = z.object({
  TOLLGATE_BUS_DATABASE_URL: z.string().min(1).optional(),
  TOLLGATE_BUS_DATABASE_URL_FILE: z.string().min(1).optional(),
});

const POSTGRES_URL = /^postgres(ql)?:\/\/\S+$/;

/** Where the embedded bus is. */
export type PostgresBusConfig = {
  /** Of the database that holds schema `bus`, under the service's own role: `postgres://role:password@host/db`. */
  readonly url: string;
};

/** The embedded bus from the environment; issues name the variable. The file is read here. */
export const postgresBusConfig = environment.transform((env, context): PostgresBusConfig => {
  const fail = (variable: keyof typeof env, message: string): never => {
    context.addIssue({ code: 'custom', path: [variable], message });
    return z.NEVER;
  };
  const file = env.TOLLGATE_BUS_DATABASE_URL_FILE;
  if (file !== undefined && env.TOLLGATE_BUS_DATABASE_URL !== undefined) {
    fail('TOLLGATE_BUS_DATABASE_URL_FILE', 'give either this or TOLLGATE_BUS_DATABASE_URL');
  }
  let url = env.TOLLGATE_BUS_DATABASE_URL;
  if (file !== undefined) {
    try {
      url = readFileSync(file, 'utf8').trim();
    } catch {
      fail('TOLLGATE_BUS_DATABASE_URL_FILE', `${file} can't be read`);
    }
  }
  if (url === undefined) {
    return fail('TOLLGATE_BUS_DATABASE_URL', 'is needed for the embedded bus (TOLLGATE_BUS=embedded)');
  }
  if (!POSTGRES_URL.test(url)) {
    fail('TOLLGATE_BUS_DATABASE_URL', 'must be postgres://role:password@host:port/database');
  }
  return { url };
});
