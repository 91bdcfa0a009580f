import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { kafkaConfig } from '@tollgate/bus';
import { loadPolicyConfig } from '@tollgate/policy';
import { createLogger } from '@tollgate/telemetry';
import { temporaryFolder } from '@tollgate/testing';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { CATALOGUE } from '../command/catalogue.ts';
import { serviceSchemas } from '../database/schemas.ts';
import { SERVICES, type ServiceName } from '../stack/environment.ts';
import { startService } from '../start/services.ts';
import { folderOfRole, writeSecrets } from './secrets.ts';

/** docker-compose.yml against the code that it runs: what it says has to be what services read and listen to. */

const ROOT = fileURLToPath(new URL('../../../../', import.meta.url));
const logger = createLogger({ service: 'test', level: 'silent' });

const composeService = z.looseObject({
  image: z.string(),
  command: z.array(z.string()).default([]),
  environment: z.record(z.string(), z.union([z.string(), z.number()]).transform(String)).default({}),
  volumes: z.array(z.string()).default([]),
  ports: z.array(z.string()).default([]),
  networks: z.array(z.string()).default([]),
  read_only: z.boolean().default(false),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
});
type ComposeService = z.output<typeof composeService>;

const compose = z
  .looseObject({
    services: z.record(z.string(), composeService),
    volumes: z.record(z.string(), z.unknown()),
  })
  .parse(parse(readFileSync(join(ROOT, 'docker-compose.yml'), 'utf8'), { merge: true, maxAliasCount: -1 }));

const all = Object.entries(compose.services);
const ours = all.filter(([, { image }]) => image.includes('tollgate'));
/** `tollgate <name> run`, by the name in docker-compose.yml. */
const running = ours.filter(([, { command }]) => command[1] === 'run');
const serviceCases = running.flatMap(([container, { command, environment }]) =>
  isService(command[0]) ? [{ container, name: command[0], environment }] : [],
);

function isService(name: string | undefined): name is ServiceName {
  return SERVICES.some((service) => service === name);
}

/** `volume:/path[:ro]`, with the defaults of variables in place. */
function mountsOf({ volumes }: ComposeService) {
  return volumes.map((text) => {
    const [source = '', target = '', mode = 'rw'] = withDefaults(text).split(':');
    return { source, target, mode };
  });
}

function withDefaults(text: string): string {
  return text.replaceAll(/\$\{\w+:-([^}]*)\}/g, '$1');
}

function portOf(service: ComposeService | undefined): string | undefined {
  return service?.environment['LISTEN']?.split(':').at(-1);
}

describe('services', () => {
  test('everything that `tollgate … run` runs is in it', async () => {
    const commands = await Promise.all(
      Object.entries(CATALOGUE).map(async ([name, entry]) => ({ name, command: await entry.load() })),
    );
    const runnable = commands.filter(({ command }) =>
      command.commands.some((child) => child.name() === 'run'),
    );
    expect(runnable.length).toBeGreaterThan(4);
    expect(new Set(running.map(([, { command }]) => command[0]))).toEqual(
      new Set(runnable.map(({ name }) => name)),
    );
  });

  test.each(serviceCases)('$container is given only variables that $name reads', async (service) => {
    const ofTheBus = new Set(Object.keys(kafkaConfig.in.shape));
    const ofThePolicy = service.name === 'gateway' ? await policyVariables() : new Set<string>();
    for (const given of Object.keys(service.environment)) {
      const variable = given.replace(/_FILE$/, '');
      if (ofTheBus.has(variable) || ofThePolicy.has(variable)) continue;
      const isRead = (await reads(service.name, variable)) || (await reads(service.name, given));
      expect([given, isRead]).toEqual([given, true]);
    }
  });

  test.each(serviceCases)('$container is given all that $name needs, in words it takes', async (service) => {
    const secret = join(temporaryFolder('compose-config'), 'secret');
    writeFileSync(secret, 'postgres://role:password@postgres:5432/tollgate\n');
    const given = Object.entries(service.environment).map(([variable, value]) => [
      variable,
      value.startsWith('/run/secrets/') ? secret : withDefaults(value),
    ]);
    // The bus is read last: who complains of it has found everything else right.
    const env = { ...Object.fromEntries(given), TOLLGATE_BUS: 'none' };
    await expect(startService(service.name, env, logger)).rejects.toThrow(
      'TOLLGATE_BUS: is neither kafka nor embedded',
    );
  });

  test('the policy that the gateways are given loads, and its secrets are theirs', async () => {
    for (const { name, environment } of serviceCases) {
      if (name !== 'gateway') continue;
      for (const variable of await policyVariables()) {
        expect(Object.keys(environment).map((given) => given.replace(/_FILE$/, ''))).toContain(variable);
      }
    }
  });
});

/** Whether it is a variable of the service: then it can also be a file, and one that can't be read is complained of. */
async function reads(service: ServiceName, variable: string): Promise<boolean> {
  const starting = startService(service, { [`${variable}_FILE`]: '/nowhere/at/all' }, logger);
  const why = await starting.then(String, (error: unknown) => String(error));
  return why.includes(`${variable}_FILE: the file can't be read`);
}

/** What the policy file of the gateways reads from its environment. */
async function policyVariables(): Promise<Set<string>> {
  const [, gateway] = running.find(([, { command }]) => command[0] === 'gateway') ?? [];
  const file = gateway && mountsOf(gateway).find(({ target }) => target.endsWith('/policy-config.yaml'));
  expect(file?.target).toBe(gateway?.environment['GATEWAY_POLICY_CONFIG']);
  const policy = await loadPolicyConfig(join(ROOT, file?.source ?? ''), {
    DATABRICKS_HOST: withDefaults(gateway?.environment['DATABRICKS_HOST'] ?? ''),
  });
  return new Set([
    'DATABRICKS_HOST',
    ...policy.targets.flatMap(({ secretKeyRef }) => secretKeyRef?.env ?? []),
  ]);
}

describe('addresses', () => {
  test('every address of a service is where that service listens', () => {
    const addresses = ours.flatMap(([container, { environment }]) =>
      Object.entries(environment).flatMap(([variable, text]) => {
        const url = /^http:\/\/([\w-]+):(\d+)$/.exec(withDefaults(text));
        return url === null ? [] : [{ container, variable, host: url[1] ?? '', port: url[2] }];
      }),
    );
    expect(addresses.length).toBeGreaterThan(8);
    for (const { container, variable, host, port } of addresses) {
      expect([container, variable, portOf(compose.services[host])]).toEqual([container, variable, port]);
    }
  });

  test('what is published is where the service listens, on the loopback address unless asked otherwise', () => {
    const published = all.flatMap(([name, { ports }]) =>
      ports.map((port) => [name, withDefaults(port)] as const),
    );
    expect(published).toEqual([
      ['gateway-1', '127.0.0.1:41002:41002'],
      ['gateway-2', '127.0.0.1:41003:41002'],
    ]);
    for (const [name, port] of published) {
      expect(portOf(compose.services[name])).toBe(port.split(':').at(-1));
      expect(compose.services[name]?.networks).toContain('outside');
    }
  });

  test('the simulated workspace listens where its health is asked for', () => {
    const simulated = compose.services['simulated-databricks'];
    expect(simulated?.command).toContain(simulated?.environment['LISTEN']);
  });
});

describe('secrets', () => {
  const secrets = compose.services['secrets'];
  let roles: string[] = [];
  let folder = '';

  beforeAll(async () => {
    roles = (await serviceSchemas()).map(({ role }) => role);
    folder = temporaryFolder('compose-secrets');
    writeSecrets({
      folder,
      postgres: 'postgres:5432/tollgate',
      owner: 'tollgate',
      roles,
      databricksToken: null,
    });
  });

  test('every role has a password that the migration is given', () => {
    const given = compose.services['database']?.environment ?? {};
    for (const role of roles) {
      expect(given[`${role.toUpperCase()}_DATABASE_PASSWORD_FILE`]).toBe(
        `/run/secrets/${folderOfRole(role)}-password`,
      );
    }
    expect(Object.keys(given)).toHaveLength(roles.length + 1);
  });

  test('every secret that is read is one that is made, in a volume of its reader', () => {
    const folderOf = new Map(
      [secrets, compose.services['tokens']].flatMap((maker) =>
        maker === undefined
          ? []
          : mountsOf(maker).map(({ source, target }) => [source, target.replace('/secrets/', '')] as const),
      ),
    );
    let seen = 0;
    for (const [name, service] of all) {
      for (const [variable, file] of Object.entries(service.environment)) {
        if (!variable.endsWith('_FILE') || !file.startsWith('/run/secrets/')) continue;
        const mount = mountsOf(service).find(({ target }) => file.startsWith(`${target}/`));
        expect([name, variable, mount?.mode]).toEqual([name, variable, 'ro']);
        const made = `${folderOf.get(mount?.source ?? '')}${file.slice(mount?.target.length)}`;
        expect([name, variable, made === 'gateway/token' || existsSync(join(folder, made))]).toEqual([
          name,
          variable,
          true,
        ]);
        seen += 1;
      }
    }
    expect(seen).toBeGreaterThan(12);
  });

  test('nothing is a secret by itself', () => {
    for (const [name, { environment }] of all) {
      for (const [variable, value] of Object.entries(environment)) {
        const secret = /PASSWORD|TOKEN|SECRET|_KEY|OWNER_URL|DATABASE_URL/.test(variable);
        expect([name, variable, secret && !value.startsWith('/')]).toEqual([name, variable, false]);
      }
    }
  });
});

describe('containers of ours', () => {
  test.each(ours)('%s writes only into its volumes, and has no rights to win', (_name, service) => {
    expect(service.read_only).toBe(true);
    expect(service.cap_drop).toEqual(['ALL']);
    expect(service.security_opt).toEqual(['no-new-privileges:true']);
  });

  test('every volume is declared, and the image has a folder of the right owner wherever one is written to', () => {
    const dockerfile = readFileSync(join(ROOT, 'Dockerfile'), 'utf8');
    for (const [name, service] of all) {
      for (const { source, target, mode } of mountsOf(service)) {
        if (!source.startsWith('.'))
          expect([name, Object.keys(compose.volumes)]).toEqual([name, expect.arrayContaining([source])]);
        if (mode === 'rw' && ours.some(([other]) => other === name)) {
          expect([name, dockerfile.split(/[\s;]+/)]).toEqual([name, expect.arrayContaining([target])]);
        }
      }
    }
  });
});
