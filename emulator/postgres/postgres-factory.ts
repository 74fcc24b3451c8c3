import { randomInt } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { configurePasswordStorage } from './azure-model/password-storage.ts';
import { BackendListener } from './cluster/backend-listener.ts';
import { Cluster, type ClusterDeps } from './cluster/cluster.ts';
import { candidateDirectories, createDataDirectory } from './cluster/data-directory.ts';
import { installedMajors } from './cluster/installation.ts';
import { findServiceAccount, runCommand } from './cluster/run-command.ts';
import {
  createClusterDeps,
  createTemplate,
  readPreparedTemplates,
  type TemplateCluster,
} from './cluster/template-cluster.ts';
import { startWatchdog, type Watchdog } from './cluster/watchdog.ts';
import { EmbeddedPostgresServer } from './postgres-server.ts';
import { POSTGRES_PORT } from './proxy/postgres-proxy.ts';
import type {
  PostgresFactory,
  PostgresFactoryOptions,
  PostgresServer,
  PostgresServerOptions,
} from './types.ts';

/**
 * The real PostgreSQL servers of one emulator. The factory works as root and as any other user and changes nothing outside
 * its directory. A separate process cleans up if the emulator is killed.
 *
 * @throws Error if this machine has no account, directory or locale that PostgreSQL can use.
 */
export async function createPostgresFactory(options: PostgresFactoryOptions): Promise<PostgresFactory> {
  const account = await findServiceAccount();
  const directory = await createDataDirectory(await candidateDirectories(options.directory), account);
  const watchdog = startWatchdog(directory);
  try {
    const { preparedTemplateDirectory } = options;
    const { clusterDeps, templates } =
      preparedTemplateDirectory === undefined
        ? { clusterDeps: await createClusterDeps(directory, account), templates: [] }
        : await readPreparedTemplates(preparedTemplateDirectory, account);
    return new EmbeddedPostgresFactory(options, directory, watchdog, clusterDeps, templates);
  } catch (error) {
    await watchdog.stop();
    throw error;
  }
}

class EmbeddedPostgresFactory implements PostgresFactory {
  readonly supportedMajors: readonly string[] = installedMajors();
  readonly #options: PostgresFactoryOptions;
  readonly #directory: string;
  readonly #watchdog: Watchdog;
  readonly #clusterDeps: ClusterDeps;
  readonly #templates: Map<string, Promise<TemplateCluster>>;
  readonly #creations = new Set<Promise<PostgresServer>>();
  #serverCount = 0;
  #closed = false;

  constructor(
    options: PostgresFactoryOptions,
    directory: string,
    watchdog: Watchdog,
    clusterDeps: ClusterDeps,
    templates: readonly TemplateCluster[],
  ) {
    this.#templates = new Map(
      templates.map((template) => [template.installation.major, Promise.resolve(template)]),
    );
    this.#options = options;
    this.#directory = directory;
    this.#watchdog = watchdog;
    this.#clusterDeps = clusterDeps;
  }

  create(options: PostgresServerOptions): Promise<PostgresServer> {
    if (this.#closed) return Promise.reject(new Error('The factory has been closed.'));
    const creation = this.#createServer(options);
    this.#creations.add(creation);
    creation.catch(() => this.#creations.delete(creation));
    return creation;
  }

  async close(): Promise<void> {
    this.#closed = true;
    const creations = await Promise.allSettled(this.#creations);
    await Promise.allSettled(this.#templates.values());
    await Promise.all(
      creations.map((creation) => (creation.status === 'fulfilled' ? creation.value.destroy() : undefined)),
    );
    await this.#watchdog.stop();
    // The watchdog has already removed it, unless it was killed.
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #createServer(options: PostgresServerOptions): Promise<PostgresServer> {
    this.#serverCount += 1;
    const directory = join(this.#directory, `server-${this.#serverCount}`);
    const [template, address, backendAddress] = await Promise.all([
      this.#getTemplate(options.major),
      chooseLoopbackAddress(),
      chooseLoopbackAddress(),
    ]);
    const host = options.host ?? address;
    const [certificate] = await Promise.all([
      this.#options.certificates.issue([host]),
      runCommand('cp', ['-a', '--reflink=auto', template.directory, directory], { account: undefined }),
    ]);
    await configurePasswordStorage(directory, options.passwordStorage);
    return new EmbeddedPostgresServer(options, {
      address,
      host,
      certificate,
      clientAddresses: this.#options.clientAddresses,
      findHold: this.#options.findHold ?? (() => undefined),
      minor: template.installation.minor,
      cluster: new Cluster(
        directory,
        new BackendListener({ address: backendAddress, host, certificate }),
        template.installation,
        this.#clusterDeps,
      ),
    });
  }

  #getTemplate(major: string): Promise<TemplateCluster> {
    const existing = this.#templates.get(major);
    if (existing) return existing;
    const template = createTemplate(major, this.#directory, this.#clusterDeps);
    this.#templates.set(major, template);
    return template;
  }
}

/** With millions of addresses to choose from, more failures mean that the port is in use on all of them. */
const MAX_ADDRESS_ATTEMPTS = 20;

/**
 * A loopback address whose port 5432 is free. It is random, because several emulators can run on one machine. The machine's
 * own services use 127.0.0.0/24.
 *
 * @throws Error if the port is in use on every address.
 */
export async function chooseLoopbackAddress(): Promise<string> {
  for (let attempt = 0; attempt < MAX_ADDRESS_ATTEMPTS; attempt += 1) {
    const address = `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`;
    if (await isPortFree(address)) return address;
  }
  throw new Error(
    `Port ${POSTGRES_PORT} is in use on every loopback address. A process listens on 0.0.0.0:${POSTGRES_PORT}, perhaps the PostgreSQL of this machine. Stop it first.`,
  );
}

function isPortFree(address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer()
      .once('error', () => resolve(false))
      .listen(POSTGRES_PORT, address, () => probe.close(() => resolve(true)));
  });
}
