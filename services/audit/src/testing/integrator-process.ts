/**
 * An integrator as a process of its own, for tests that kill it: `node integrator-process.ts <database url> <folder>
 * <batch>`. Says `writing` once it has begun an epoch, and runs until it is killed or its standard input ends.
 */
import path from 'node:path';
import { openPool } from '@tollgate/database';
import { createLogger } from '@tollgate/telemetry';
import { openFileSegments } from '../archive/file-segments.ts';
import { startIntegrator } from '../log/integrator.ts';
import { openFileTiles } from '../tree/file-tiles.ts';
import { openLogSigners } from '../tree/log-signers.ts';

const [url = '', folder = '', batch = ''] = process.argv.slice(2);
const pool = openPool({ url, applicationName: 'audit-test-integrator' });
let said = false;
startIntegrator({
  pool,
  store: await openFileSegments(folder),
  tiles: await openFileTiles(path.join(folder, 'log')),
  signers: await openLogSigners(path.join(folder, 'log.key'), { origin: undefined, begun: true }),
  publishIntervalMs: 5,
  publicKeyOf: () => undefined,
  now: Date.now,
  maxBatch: Number(batch),
  maxSegmentBytes: 256 * 1024,
  lock: { url },
  logger: createLogger({ service: 'audit', level: 'silent' }),
  onStep: () => {
    if (!said) process.stdout.write('writing\n');
    said = true;
  },
});
process.stdin.on('end', () => process.exit(0)).resume();
