import { writeSync } from 'node:fs';
import { RequestLife } from './request-life.ts';
import { newId, openTestSpool } from './spool-under-test.ts';

/** Requests that are under way at once. */
const IN_FLIGHT = 16;

const folder = process.argv[2];
if (folder === undefined) throw new Error('usage: writer-to-be-killed.ts FOLDER');

/** Straight to the pipe: what was said is said, even if the process is killed in the next instant. */
function say(what: string): void {
  writeSync(1, `${what}\n`);
}

const { spool } = openTestSpool(folder, { settings: { maxBytes: 1024 * 256 * 1024 } });
const life = new RequestLife(spool, newId);

function begin(): void {
  const id = newId();
  const hold = spool.hold(life.request(id));
  const position = life.decision(id);
  spool.after('disk', position, (error) => {
    if (error !== null) throw error;
    say(`disk ${id}`);
    setTimeout(() => {
      spool.progress(id, 100, 0);
      life.usage(id);
      hold.release();
      spool.flush();
      say(`answered ${id}`);
      begin();
    }, 1);
  });
}

say('open');
for (let i = 0; i < IN_FLIGHT; i += 1) begin();
