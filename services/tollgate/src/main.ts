#!/usr/bin/env node
import { exitWithParent } from './command/exit-with-parent.ts';
import { run } from './command/run.ts';

exitWithParent();
process.exitCode = await run(process.argv.slice(2));
