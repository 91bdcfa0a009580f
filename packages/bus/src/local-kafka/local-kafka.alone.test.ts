import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { symlinkSync } from 'node:fs';
import path from 'node:path';
import { runProgram } from '@tollgate/local-java';
import { createLogger } from '@tollgate/telemetry';
import { temporaryFolder, until } from '@tollgate/testing';
import { afterEach, describe, expect, it } from 'vitest';
import { withAdmin } from '../kafka/connection/admin.ts';
import { type LocalKafka, startLocalKafka } from './index.ts';

const logger = createLogger({ service: 'local-kafka', level: 'silent' });
const TIMEOUT_MS = 240_000;

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('Kafka on the local Java', () => {
  let kafka: LocalKafka | undefined;
  let starter: ChildProcess | undefined;
  const { PATH } = process.env;
  afterEach(async () => {
    process.env['PATH'] = PATH;
    starter?.kill('SIGKILL');
    await kafka?.stop();
    kafka = undefined;
  });

  it(
    'keeps its address and its data when a node is killed and started again, and ends when stopped',
    async () => {
      kafka = await startLocalKafka({ folder: temporaryFolder('kafka') });
      const [node] = kafka.nodes;
      if (node === undefined) throw new Error('no node');
      const config = { brokers: kafka.brokers, topicPrefix: '' };
      const listTopics = () => withAdmin({ config, clientId: 'test', logger }, (admin) => admin.listTopics());
      await withAdmin({ config, clientId: 'test', logger }, (admin) =>
        admin.createTopics({ topics: [{ topic: 'kept', numPartitions: 1 }], waitForLeaders: false }),
      );
      await until(async () => (await listTopics()).includes('kept'), { timeoutMs: 30_000 });
      const { pid } = node;
      await node.kill('SIGKILL');
      expect(isAlive(pid)).toBe(false);
      await node.start();
      expect(node.pid).not.toBe(pid);
      expect(await listTopics()).toContain('kept');
      await kafka.stop();
      expect(isAlive(node.pid)).toBe(false);
    },
    TIMEOUT_MS,
  );

  it(
    'does not outlive a process that was killed before it could stop it',
    async () => {
      const program = `
        import { startLocalKafka } from ${JSON.stringify(path.join(import.meta.dirname, 'index.ts'))};
        const kafka = await startLocalKafka({ folder: process.argv[1] });
        process.stdout.write(String(kafka.nodes[0].pid) + '\\n');
        setInterval(() => {}, 1000);`;
      starter = spawn(
        process.execPath,
        ['--input-type=module', '--eval', program, temporaryFolder('kafka')],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
      let output = '';
      starter.stdout?.on('data', (chunk) => {
        output += chunk;
      });
      const pid = Number(await until(() => /^\d+(?=\n)/.exec(output)?.[0], { timeoutMs: 120_000 }));
      expect(isAlive(pid)).toBe(true);
      const gone = once(starter, 'exit');
      starter.kill('SIGKILL');
      await gone;
      await until(() => !isAlive(pid), { timeoutMs: 10_000, describe: 'the broker lives on' });
    },
    TIMEOUT_MS,
  );

  it('says what is missing where there is no Java, or no Maven to fetch it with', async () => {
    const java = (await runProgram('sh', ['-c', 'command -v java'], { timeoutMs: 10_000 })) as {
      output: string;
    };
    const tools = temporaryFolder('tools');
    process.env['PATH'] = tools;
    const start = () => startLocalKafka({ folder: tools, cacheFolder: path.join(tools, 'cache') });
    await expect(start()).rejects.toMatchObject({ code: 'java-missing' });
    symlinkSync(java.output.trim(), path.join(tools, 'java'));
    await expect(start()).rejects.toMatchObject({ code: 'maven-missing' });
  });
});
