import { endRunOfEndingOwner } from './test-run.ts';

const [folder] = process.argv.slice(2);
if (folder !== undefined) await endRunOfEndingOwner(folder);
