/** A consumer in a process of its own, for tests that kill it: `node consuming-process.ts <url> <name>`. */
import { openPool } from '@tollgate/database';
import { parseEvent } from '@tollgate/events';
import { createLogger } from '@tollgate/telemetry';
import { effectsOf } from '../../contract/effects.ts';
import { createPostgresBus } from '../bus.ts';

const [url, name] = process.argv.slice(2);
if (url === undefined || name === undefined) throw new TypeError('give a URL and a name');

const bus = createPostgresBus({ url }, { logger: createLogger({ service: name, level: 'silent' }) });
await bus.consume({
  group: 'contract',
  topics: ['requests'],
  pool: openPool({ url, applicationName: name }),
  parse: parseEvent,
  handle: effectsOf(name),
  maxBatch: 20,
});
process.stdout.write('consuming\n');
