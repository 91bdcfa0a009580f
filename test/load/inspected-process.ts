import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { until } from '@tollgate/testing';

const OPEN_TIMEOUT_MS = 10_000;
const MIB = 1 << 20;

/** What a process holds after a full collection, in MiB. */
export interface HeldMemory {
  /** Objects, and what lies outside the heap for them. */
  readonly heapMib: number;
  /** Of the whole process, as the system counts it. */
  readonly residentMib: number;
}

/**
 * Asks a Node process what it holds, over its inspector, which SIGUSR1 opens: until then it runs as it would without.
 */
export class InspectedProcess {
  readonly #pid: number;
  readonly #socket: WebSocket;
  #id = 0;

  private constructor(pid: number, socket: WebSocket) {
    this.#pid = pid;
    this.#socket = socket;
  }

  /** @param port what the process was started with as `--inspect-port` */
  static async of(pid: number, port: number): Promise<InspectedProcess> {
    process.kill(pid, 'SIGUSR1');
    let url = '';
    await until(
      async () => {
        const list = await fetch(`http://127.0.0.1:${port}/json/list`).then((answer) => answer.json());
        url = Array.isArray(list) ? String(list[0]?.webSocketDebuggerUrl ?? '') : '';
        return url !== '';
      },
      { timeoutMs: OPEN_TIMEOUT_MS },
    );
    const socket = new WebSocket(url);
    await once(socket, 'open');
    return new InspectedProcess(pid, socket);
  }

  /** Collects twice, for what finalizers let go of. */
  async held(): Promise<HeldMemory> {
    for (let i = 0; i < 2; i += 1) await this.#call('HeapProfiler.collectGarbage');
    const answer = await this.#call('Runtime.evaluate', {
      expression: '(({heapUsed, external}) => heapUsed + external)(process.memoryUsage())',
    });
    return { heapMib: Number(answer.result?.value) / MIB, residentMib: this.residentMib() };
  }

  /** Without collecting. */
  residentMib(): number {
    const status = readFileSync(`/proc/${this.#pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) / 1024;
  }

  close(): void {
    this.#socket.close();
  }

  #call(method: string, params: object = {}): Promise<{ readonly result?: { readonly value?: unknown } }> {
    this.#id += 1;
    const id = this.#id;
    return new Promise((resolve, reject) => {
      const take = ({ data }: MessageEvent) => {
        const message = JSON.parse(String(data));
        if (message.id !== id) return;
        this.#socket.removeEventListener('message', take);
        if (message.error === undefined) resolve(message.result);
        else reject(new Error(`${method}: ${JSON.stringify(message.error)}`));
      };
      this.#socket.addEventListener('message', take);
      this.#socket.send(JSON.stringify({ id, method, params }));
    });
  }
}
