import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { ConfigError } from '../errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A file named by a `*_FILE` variable is read up to this many bytes' worth of text. */
const MAX_VALUE_LENGTH = 64 * 1024;

/**
 * Reads configuration from environment variables: the schema's members are their names. Each `NAME` can also be
 * given as `NAME_FILE`, the path of a file that holds the value (its last line break is dropped). An empty variable
 * counts as absent. Values never appear in errors.
 *
 * @throws ConfigError one line, which names the variable
 */
export function readConfig<S extends z.ZodType>(schema: S, env: Environment): z.output<S> {
  // A schema that is no plain object (a transformed one, say) reads the environment, and its files, by itself.
  const shape = schema instanceof z.ZodObject ? schema.shape : undefined;
  // A copy: `process.env` itself is no plain object, which schemas of records insist on.
  const values = shape === undefined ? { ...env } : valuesOf(shape, env);
  const result = schema.safeParse(values);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const variable = String(issue?.path[0] ?? 'configuration');
  // A rule of the schema's own says more than that the variable is absent.
  const absent = issue?.code !== 'custom' && presence(values[variable]) === undefined;
  throw new ConfigError(variable, absent ? 'is not set' : oneLine(issue?.message ?? 'is wrong'));
}

function valuesOf(shape: object, env: Environment): Record<string, string> {
  const values: Record<string, string> = {};
  for (const name of Object.keys(shape)) {
    const value = lookUp(name, shape, env);
    if (value !== undefined) values[name] = value;
  }
  return values;
}

function lookUp(name: string, shape: object, env: Environment): string | undefined {
  const direct = presence(env[name]);
  const fileVariable = `${name}_FILE`;
  if (fileVariable in shape) return direct;
  const file = presence(env[fileVariable]);
  if (file === undefined) return direct;
  if (direct !== undefined) throw new ConfigError(fileVariable, `is set besides ${name}: set one of the two`);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    const code: unknown = error instanceof Error ? Reflect.get(error, 'code') : undefined;
    throw new ConfigError(fileVariable, `the file can't be read (${String(code)})`);
  }
  if (text.length > MAX_VALUE_LENGTH)
    throw new ConfigError(fileVariable, 'the file is too large for a value');
  const value = presence(text.replace(/\r?\n$/, ''));
  if (value === undefined) throw new ConfigError(fileVariable, 'the file is empty');
  return value;
}

function presence(value: string | undefined): string | undefined {
  return value === undefined || value === '' ? undefined : value;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s*\n\s*/g, ' ');
}
