import { randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { auditMigrations, parseInboxEvent, receive } from '@tollgate/audit';
import { type Bus, createKafkaBus, initTopics, type KafkaConfig, type Publisher } from '@tollgate/bus';
import { startLocalKafka } from '@tollgate/bus/local-kafka';
import { chargebackMigrations, createChargeback } from '@tollgate/chargeback';
import { migrate, openPool, type Pool } from '@tollgate/database';
import { startEmbeddedPostgres } from '@tollgate/database/embedded';
import { serializeEvent, uuidV7 } from '@tollgate/events';
import { createLogger, createMetrics } from '@tollgate/telemetry';
import { createRecipe, recipeRows, runRecipe } from './exactly-once-recipe.ts';
import { median } from './http-load.ts';
import { MODEL, ORGANISATION, UsageStream } from './usage-stream.ts';

/** Paired rounds after the warm-up. */
const ROUNDS = 5;
const EVENTS_PER_ROUND = 40_000;
/** One publisher's flush: it goes to one partition, the next to the next. */
const EVENTS_PER_FLUSH = 1_000;
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
  const folder = mkdtempSync(join(tmpdir(), 'tollgate-bench-'));
  // As root, the embedded Postgres runs as another account, which has to pass through.
  if (process.getuid?.() === 0) chmodSync(folder, 0o711);
  const stops: (() => Promise<unknown>)[] = [];
  try {
    const logger = createLogger({ service: 'bench', level: 'warn' });
    const given = process.env['KAFKA_BROKERS']?.split(',');
    const local =
      given === undefined ? await startLocalKafka({ folder: join(folder, 'kafka'), logger }) : null;
    if (local !== null) stops.push(() => local.stop());
    const kafka = {
      brokers: given ?? local?.brokers ?? [],
      topicPrefix: `bench-${randomUUID().slice(0, 8)}.`,
    };
    await initTopics(kafka, { replicationFactor: 1, minInsyncReplicas: 1, logger });
    const postgres = await startEmbeddedPostgres({ dataFolder: join(folder, 'postgres'), logger });
    stops.push(() => postgres.stop());
    const owner = openPool({ url: postgres.url, applicationName: 'bench' });
    stops.push(() => owner.end());
    await createRecipe(owner);

    const bus = createKafkaBus(kafka, { logger });
    stops.push(() => bus.close());
    const publisher = await bus.createPublisher();
    await publishOrganisation(publisher);
    const consumers = [
      await auditConsumer(postgres.url, kafka, stops),
      await chargebackConsumer(postgres.url, kafka, stops),
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

function quietBus(kafka: KafkaConfig): Bus {
  return createKafkaBus(kafka, { logger: createLogger({ service: 'bench', level: 'error' }) });
}

async function publishOrganisation(publisher: Publisher): Promise<void> {
  const time = new Date().toISOString();
  const key = `organisation/${ORGANISATION}`;
  const value = serializeEvent(
    {
      type: 'tollgate.directory.v1',
      id: uuidV7(Date.now()),
      subject: key,
      time,
      data: {
        entity: {
          kind: 'organisation',
          id: ORGANISATION,
          version: 1,
          deleted: false,
          name: 'Bench',
          currency: 'USD',
          billing_time_zone: 'Europe/Berlin',
        },
      },
    },
    '/services/directory/bench',
    1,
  );
  await publishAgain(publisher, [{ topic: 'directory', key, value }]);
}

async function publish(publisher: Publisher, values: readonly Buffer[]): Promise<void> {
  for (let start = 0; start < values.length; start += EVENTS_PER_FLUSH) {
    const flush = values.slice(start, start + EVENTS_PER_FLUSH);
    await publishAgain(
      publisher,
      flush.map((value) => ({ topic: 'usage', key: '', value })),
    );
  }
}

/** Topics that were just made have no leader for a moment. */
async function publishAgain(publisher: Publisher, batch: Parameters<Publisher['publish']>[0]): Promise<void> {
  const deadline = performance.now() + ROUND_TIMEOUT_MS;
  for (;;) {
    try {
      return await publisher.publish(batch);
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await delay(100);
    }
  }
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

function numberAfter(args: readonly string[], flag: string): number | undefined {
  const index = args.indexOf(flag);
  const value = Number(args[index + 1]);
  return index >= 0 && Number.isSafeInteger(value) && value > 0 ? value : undefined;
}
