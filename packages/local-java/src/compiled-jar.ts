import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { LocalJavaError } from './errors.ts';
import { withFileLock } from './file-lock.ts';
import { type ProgramResult, runProgram } from './program.ts';

const COMPILE_TIMEOUT_MS = 180_000;
const QUOTED_OUTPUT_CHARACTERS = 4_000;
const DIGEST_CHARACTERS = 16;

/**
 * A folder in the cache that holds `program.jar`, made of the `.java` files of a folder: compiled when they, the Java or
 * the libraries are not those of the last time. The folder is the caller's to keep more in that depends on the same.
 *
 * @throws LocalJavaError `compiler-missing`, `compile-failed`
 */
export async function compiledJar(options: {
  /** Names the program in the cache. */
  readonly name: string;
  readonly sourceFolder: string;
  /** The folder of the jars that it is compiled against. */
  readonly libraries: string;
  readonly javaVersion: string;
  readonly cacheFolder: string;
}): Promise<string> {
  const sources = (await readdir(options.sourceFolder)).filter((name) => name.endsWith('.java')).sort();
  const files = sources.map((name) => path.join(options.sourceFolder, name));
  const digest = createHash('sha256').update(`${options.javaVersion}\n${options.libraries}\n`);
  for (const file of files) digest.update(await readFile(file));
  const target = path.join(
    options.cacheFolder,
    `${options.name}-${digest.digest('hex').slice(0, DIGEST_CHARACTERS)}`,
  );
  if (existsSync(target)) return target;
  await mkdir(options.cacheFolder, { recursive: true });
  await withFileLock(`${target}.lock`, COMPILE_TIMEOUT_MS, async () => {
    if (!existsSync(target)) await compile(files, options.libraries, target);
  });
  return target;
}

async function compile(files: readonly string[], libraries: string, target: string): Promise<void> {
  const folder = await mkdtemp(`${target}.part-`);
  try {
    const classes = path.join(folder, 'classes');
    await mkdir(classes);
    await run('javac', ['-nowarn', '-d', classes, '-cp', path.join(libraries, '*'), ...files]);
    await run('jar', ['--create', '--file', path.join(folder, 'program.jar'), '-C', classes, '.']);
    await rm(classes, { recursive: true });
    await rename(folder, target);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(program: string, args: readonly string[]): Promise<void> {
  const result: ProgramResult | 'missing' = await runProgram(program, args, {
    timeoutMs: COMPILE_TIMEOUT_MS,
  });
  if (result === 'missing') {
    throw new LocalJavaError(
      'compiler-missing',
      `\`${program}\` is not on the PATH: install a JDK of 17 or newer; a JRE has no compiler`,
    );
  }
  if (result.exitCode !== 0) {
    throw new LocalJavaError(
      'compile-failed',
      `${program} failed (exit ${result.exitCode}): ${result.output.slice(-QUOTED_OUTPUT_CHARACTERS)}`,
    );
  }
}
