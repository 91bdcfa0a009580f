import type { Admin } from 'kafkajs';
import { createKafkaClient } from './client.ts';
import type { KafkaContext } from './context.ts';

/** Runs the work with an administrative client of its own, and lets the client go. */
export async function withAdmin<T>(
  context: Pick<KafkaContext, 'config' | 'clientId' | 'logger'>,
  work: (admin: Admin) => Promise<T>,
): Promise<T> {
  const admin = createKafkaClient(context.config, `${context.clientId}-admin`, context.logger).admin();
  await admin.connect();
  try {
    return await work(admin);
  } finally {
    await admin.disconnect().catch(() => {});
  }
}
