import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder, until } from '@tollgate/testing';
import { afterEach, test } from 'vitest';
import { WatchedFiles } from './watched-files.ts';

let watched: WatchedFiles | null = null;
afterEach(() => watched?.stop());

async function watching(file: string): Promise<() => number> {
  let changes = 0;
  watched = new WatchedFiles(() => {
    changes += 1;
  });
  await watched.follow([file]);
  return () => changes;
}

const inTime = { timeoutMs: 10_000 };

test('a file that is written in place is told once', async () => {
  const file = join(temporaryFolder('watched'), 'policy.yaml');
  writeFileSync(file, 'one');
  const changes = await watching(file);
  writeFileSync(file, 'two');
  await until(() => changes() === 1, inTime);
});

test('a file that an editor replaces is told, and the one that replaces that, too', async () => {
  const file = join(temporaryFolder('watched'), 'policy.yaml');
  writeFileSync(file, 'one');
  const changes = await watching(file);
  for (const [index, text] of ['two', 'six'].entries()) {
    writeFileSync(`${file}~`, text);
    renameSync(`${file}~`, file);
    await until(() => changes() === index + 1, inTime);
  }
});

test('a link that is turned elsewhere is told, as Kubernetes turns the folder of a ConfigMap', async () => {
  const folder = temporaryFolder('watched');
  for (const name of ['..1', '..2']) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, 'policy.yaml'), name);
  }
  symlinkSync('..1', join(folder, '..data'));
  symlinkSync('..data/policy.yaml', join(folder, 'policy.yaml'));
  const changes = await watching(join(folder, 'policy.yaml'));
  symlinkSync('..2', join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  await until(() => changes() === 1, inTime);
});

test('a file behind a link to a folder that is not watched is looked at all the same', async () => {
  const folder = temporaryFolder('watched');
  const elsewhere = join(temporaryFolder('elsewhere'), 'policy.yaml');
  writeFileSync(elsewhere, 'one');
  symlinkSync(elsewhere, join(folder, 'policy.yaml'));
  const changes = await watching(join(folder, 'policy.yaml'));
  writeFileSync(elsewhere, 'two');
  await until(() => changes() === 1, inTime);
});

test('a file that goes away and comes back is told', async () => {
  const file = join(temporaryFolder('watched'), 'policy.yaml');
  writeFileSync(file, 'one');
  const changes = await watching(file);
  rmSync(file);
  await until(() => changes() === 1, inTime);
  writeFileSync(file, 'one');
  await until(() => changes() === 2, inTime);
});
