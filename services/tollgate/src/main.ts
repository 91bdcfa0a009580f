#!/usr/bin/env node
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

// A third of the CPU of starting. Beside the code and not where Node would put it: others can write in /tmp.
enableCompileCache(fileURLToPath(new URL('../../../node_modules/.cache/tollgate', import.meta.url)));

const { exitWithParent } = await import('./command/exit-with-parent.ts');
const { run } = await import('./command/run.ts');
exitWithParent();
process.exitCode = await run(process.argv.slice(2));
