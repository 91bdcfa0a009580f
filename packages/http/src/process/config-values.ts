import { LOG_LEVELS } from '@tollgate/telemetry';
import { z } from 'zod';
import type { ListenAddress } from '../service/http-service.ts';

const MAX_PORT = 65_535;
const HOST_AND_PORT = /^(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/;

/** `host:port`, such as `0.0.0.0:41010` or `[::1]:41010`; port 0 takes a free one. */
export const listenAddress = z.string().transform((text, context): ListenAddress => {
  const match = HOST_AND_PORT.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > MAX_PORT) {
    context.addIssue({ code: 'custom', message: 'must be host:port, such as 0.0.0.0:41010' });
    return z.NEVER;
  }
  return { host, port };
});

/** Where a service's data is, with the role and password it has there. */
export const databaseUrl = z
  .string()
  .regex(/^postgres(ql)?:\/\/\S+$/, 'must be postgres://role:password@host:port/database');

export const logLevel = z.enum(LOG_LEVELS, `must be one of ${LOG_LEVELS.join(', ')}`);

/** A whole number within bounds, as text. */
export function wholeNumber(min: number, max: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,15}$/, message)
    .transform(Number)
    .refine((value) => value >= min && value <= max, message);
}

/** `true` or `false`, as text. */
export const flag = z.enum(['true', 'false'], 'must be true or false').transform((text) => text === 'true');
