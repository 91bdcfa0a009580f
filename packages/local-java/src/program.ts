import { spawn } from 'node:child_process';

const MAX_OUTPUT_CHARACTERS = 100_000;

export type ProgramResult = { readonly exitCode: number; readonly output: string };

/** Runs a program to its end; output is stdout and stderr together. `missing`: there is no such program. */
export function runProgram(
  program: string,
  args: readonly string[],
  options: { readonly cwd?: string; readonly timeoutMs: number },
): Promise<ProgramResult | 'missing'> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: options.timeoutMs,
      killSignal: 'SIGKILL',
    });
    let output = '';
    const collect = (chunk: Buffer) => {
      output = (output + chunk.toString('utf8')).slice(-MAX_OUTPUT_CHARACTERS);
    };
    child.stdout.on('data', collect);
    child.stderr.on('data', collect);
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') resolve('missing');
      else reject(error);
    });
    child.on('close', (code, signal) =>
      resolve({ exitCode: code ?? -1, output: signal ? `${output}\nended by ${signal}` : output }),
    );
  });
}
