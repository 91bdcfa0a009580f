/**
 * `npm run bench -- <benchmark> [--json]`: measures one thing against its floor on this machine, in this run. With
 * `--json` the last line is one JSON object; without it, a table. Figures are ratios of paired rounds wherever a
 * ratio says more than an absolute does.
 */
interface Benchmark {
  readonly description: string;
  readonly run: () => Promise<(args: readonly string[]) => Promise<void>>;
}

const BENCHMARKS: Readonly<Record<string, Benchmark>> = {
  gateway: {
    description: 'CPU and latency of one gateway process against a bare proxy',
    run: async () => (await import('./gateway.ts')).benchGateway,
  },
  streams: {
    description: 'memory and CPU of one gateway process with 10,000 streams at once',
    run: async () => (await import('./streams.ts')).benchStreams,
  },
  guardrails: {
    description: 'recall and false positives of each detector, on texts that its rules were not written from',
    run: async () => (await import('./guardrails/guardrails.ts')).benchGuardrails,
  },
  policies: {
    description: 'CPU and latency of one gateway process without policies, with each and with all',
    run: async () => (await import('./policies/policies.ts')).benchPolicies,
  },
  consumers: {
    description: 'events per second of audit and chargeback against the bare exactly-once recipe',
    run: async () => (await import('./consumers.ts')).benchConsumers,
  },
  audit: {
    description:
      "the log against Tessera's, the audit writer, proofs and searches in large trails, bytes an event",
    run: async () => (await import('./audit.ts')).benchAudit,
  },
};

const [name = '', ...args] = process.argv.slice(2);
const benchmark = Object.hasOwn(BENCHMARKS, name) ? BENCHMARKS[name] : undefined;
if (benchmark === undefined) {
  const list = Object.entries(BENCHMARKS).map(([each, { description }]) => `  ${each}: ${description}`);
  process.stderr.write(`Usage: npm run bench -- <benchmark> [--json]\n${list.join('\n')}\n`);
  process.exitCode = 2;
} else {
  const run = await benchmark.run();
  await run(args);
}
