import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { auditMigrations, parseInboxEvent, receive } from '@tollgate/audit';
import type { KafkaConfig } from '@tollgate/bus';
import { chargebackMigrations, createChargeback } from '@tollgate/chargeback';
import { migrate, openPool, type Pool } from '@tollgate/database';
import { createLogger, createMetrics } from '@tollgate/telemetry';
import { createRecipe, recipeRows, runRecipe } from './exactly-once-recipe.ts';
import { median } from './http-load.ts';
import {
  BENCH_ORGANISATION,
  benchFolder,
  numberAfter,
  publish,
  publishDirectory,
  quietBus,
  startInfrastructure,
} from './infrastructure.ts';
import { MODEL, UsageStream } from './usage-stream.ts';

/** Paired rounds after the warm-up. */
const ROUNDS = 5;
const EVENTS_PER_ROUND = 40_000;
const POLL_MS = 5;
const ROUND_TIMEOUT_MS = 180_000;
/** The target; issue and documentation name it. */
const MIN_RATIO = 0.5;

interface Consumer {
  readonly name: 'audit' | 'chargeback';
  readonly pool: Pool;
  /** Runs it until it is stopped. */
  start(): Promise<{ stop(): Promise<void> }>;
}

interface Round {
  readonly recipe: number;
  readonly audit: number;
  readonly chargeback: number;
}

/**
 * Usage events per second from the topic to their committed effects, for each consumer, against the bare recipe for
 * exactly-once effects on the same machine and Postgres, in interleaved rounds. A round publishes its events first;
 * the clock runs from the first commit to the last, so joining the group is not in it.
 */
export async function benchConsumers(args: readonly string[]): Promise<void> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const rounds = numberAfter(args, '--rounds') ?? ROUNDS;
  const events = numberAfter(args, '--events') ?? EVENTS_PER_ROUND;
  const folder = benchFolder();
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const { kafka, postgresUrl, owner } = await startInfrastructure(folder, stops);
    await createRecipe(owner);

    const bus = quietBus(kafka);
    stops.push(() => bus.close());
    const publisher = await bus.createPublisher();
    await publishDirectory(publisher, [BENCH_ORGANISATION]);
    const consumers = [
      await auditConsumer(postgresUrl, kafka, stops),
      await chargebackConsumer(postgresUrl, kafka, stops),
    ];
    const stream = new UsageStream();
    const measured: Round[] = [];
    for (let round = 0; round <= rounds; round += 1) {
      await publish(publisher, stream.next(events));
      const figures: Partial<Record<keyof Round, number>> = {};
      const turns = [
        async () => {
          figures.recipe = await runRecipe(owner, recipeRows(events));
        },
        ...consumers.map((consumer) => async () => {
          figures[consumer.name] = await drain(consumer, events);
        }),
      ];
      for (let turn = 0; turn < turns.length; turn += 1) await turns[(turn + round) % turns.length]?.();
      const { recipe = 0, audit = 0, chargeback = 0 } = figures;
      say(
        `${round === 0 ? 'warm-up' : `${round}/${rounds}`}: recipe ${recipe.toFixed(0)}/s, audit ${audit.toFixed(0)}/s (${(audit / recipe).toFixed(2)}), chargeback ${chargeback.toFixed(0)}/s (${(chargeback / recipe).toFixed(2)})`,
      );
      if (round > 0) measured.push({ recipe, audit, chargeback });
    }
    report(args.includes('--json'), events, measured);
  } finally {
    for (const stop of stops.toReversed()) await stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function servicePool(
  ownerUrl: string,
  service: typeof auditMigrations | typeof chargebackMigrations,
  stops: (() => Promise<unknown>)[],
): Promise<{ pool: Pool; url: string }> {
  const rolePassword = randomBytes(18).toString('base64url');
  await migrate({ ownerUrl, ...service, rolePassword });
  const url = new URL(ownerUrl);
  url.username = service.role;
  url.password = rolePassword;
  const pool = openPool({ url: url.href, applicationName: `bench-${service.role}`, maxConnections: 16 });
  stops.push(() => pool.end());
  return { pool, url: url.href };
}

/** Only what takes events into the inbox; the integrator that goes on from there is another's bottleneck. */
async function auditConsumer(
  ownerUrl: string,
  kafka: KafkaConfig,
  stops: (() => Promise<unknown>)[],
): Promise<Consumer> {
  const { pool } = await servicePool(ownerUrl, auditMigrations, stops);
  return {
    name: 'audit',
    pool,
    async start() {
      const bus = quietBus(kafka);
      await bus.consume({
        group: 'audit',
        topics: ['usage'],
        pool,
        parse: parseInboxEvent,
        handle: (batch, tx) => receive(batch, tx, { now: Date.now }),
      });
      return { stop: () => bus.close() };
    },
  };
}

/** The service as it runs. */
async function chargebackConsumer(
  ownerUrl: string,
  kafka: KafkaConfig,
  stops: (() => Promise<unknown>)[],
): Promise<Consumer> {
  const { pool, url } = await servicePool(ownerUrl, chargebackMigrations, stops);
  const price = (tokenClass: string) =>
    pool.query(
      `INSERT INTO price (price_id, provider, model, serving_mode, token_class, amount, per_quantity, currency,
         effective_from, source, created_by, created_at)
       VALUES (gen_random_uuid(), 'databricks', $1, 'pay-per-token', $2, 0.54, 1000000, 'USD', '2024-01-01', 'bench',
         'bench', now())`,
      [MODEL, tokenClass],
    );
  await price('input');
  await price('output');
  return {
    name: 'chargeback',
    pool,
    async start() {
      const bus = quietBus(kafka);
      const logger = createLogger({ service: 'bench', level: 'error' });
      const service = await createChargeback({
        pool,
        databaseUrl: url,
        bus,
        logger,
        metrics: createMetrics(),
      });
      return {
        async stop() {
          await service.stop();
          await bus.close();
        },
      };
    },
  };
}

/** Events per second from the first commit that is seen to the one that makes them all. */
async function drain(consumer: Consumer, events: number): Promise<number> {
  const committed = async (): Promise<number> => {
    const { rows } = await consumer.pool.query<{ sum: string }>(
      'SELECT coalesce(sum(next_offset), 0) AS sum FROM consumer_offset',
    );
    return Number(rows[0]?.sum);
  };
  const before = await committed();
  const running = await consumer.start();
  try {
    const deadline = performance.now() + ROUND_TIMEOUT_MS;
    let first: { readonly at: number; readonly count: number } | null = null;
    for (;;) {
      const count = (await committed()) - before;
      const at = performance.now();
      if (first === null && count > 0) first = { at, count };
      if (first !== null && count >= events) return ((count - first.count) * 1000) / (at - first.at);
      if (at > deadline)
        throw new Error(`${consumer.name} has committed ${count} of ${events} events in time`);
      await delay(POLL_MS);
    }
  } finally {
    await running.stop();
  }
}

function report(json: boolean, events: number, rounds: readonly Round[]): void {
  const of = (name: keyof Round) => Math.round(median(rounds.map((round) => round[name])));
  const ratio = (name: 'audit' | 'chargeback') =>
    Number(median(rounds.map((round) => round[name] / round.recipe)).toFixed(3));
  const consumers = {
    audit: { events_per_second: of('audit'), ratio_to_recipe: ratio('audit') },
    chargeback: { events_per_second: of('chargeback'), ratio_to_recipe: ratio('chargeback') },
  };
  const figures = {
    ratio_to_recipe: Math.min(consumers.audit.ratio_to_recipe, consumers.chargeback.ratio_to_recipe),
    target: MIN_RATIO,
    ...consumers,
    recipe: { rows_per_second: of('recipe') },
    rounds: rounds.length,
    events_per_round: events,
    node: process.version,
  };
  if (json) {
    process.stdout.write(`${JSON.stringify(figures)}\n`);
    return;
  }
  process.stdout.write(
    [
      `from topic to committed effect, median of ${figures.rounds} paired rounds of ${events} events`,
      `  recipe      ${figures.recipe.rows_per_second} rows/s`,
      `  audit       ${consumers.audit.events_per_second} events/s, ratio ${consumers.audit.ratio_to_recipe}`,
      `  chargeback  ${consumers.chargeback.events_per_second} events/s, ratio ${consumers.chargeback.ratio_to_recipe}`,
      `  at least ${MIN_RATIO} wanted`,
      '',
    ].join('\n'),
  );
}
