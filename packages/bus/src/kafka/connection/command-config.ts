import { BusError } from '../../errors.ts';
import { type KafkaConfig, kafkaConfig } from './config.ts';

/** The cluster that a command works on. @throws BusError `bad-config`: one line that names the variable */
export function commandConfig(environment: NodeJS.ProcessEnv): KafkaConfig {
  const parsed = kafkaConfig.safeParse(environment);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const variable = String(issue?.path[0] ?? 'KAFKA_BROKERS');
  const message = environment[variable] === undefined ? 'is not set' : (issue?.message ?? 'can not be used');
  throw new BusError('bad-config', `${variable}: ${message}`);
}
