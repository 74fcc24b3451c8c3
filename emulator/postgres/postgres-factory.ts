import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { configurePasswordStorage } from './azure-model/password-storage.ts';
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
import { chooseLoopbackAddress } from './proxy/loopback-address.ts';
import type {
  PostgresFactory,
  PostgresFactoryOptions,
  PostgresServer,
  PostgresServerOptions,
} from './types.ts';

/**
 * The data plane of one emulator: real PostgreSQL servers with Azure's role model, each behind a gate of its own. Works
 * as root and as any other user, changes nothing outside its directory, and a process beside it cleans up should the
 * emulator be killed.
 *
 * @throws Error when this machine has no account, no directory or no locale that PostgreSQL could use.
 */
export async function createPostgresFactory(options: PostgresFactoryOptions): Promise<PostgresFactory> {
  const account = await findServiceAccount();
  const directory = await createDataDirectory(await candidateDirectories(options.directory), account);
  const watchdog = startWatchdog(directory);
  try {
    const { preparedTemplateDirectory } = options;
    const { grounds, templates } =
      preparedTemplateDirectory === undefined
        ? { grounds: await createClusterDeps(directory, account), templates: [] }
        : await readPreparedTemplates(preparedTemplateDirectory, account);
    return new EmbeddedPostgresFactory(options, directory, watchdog, grounds, templates);
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
    // The watchdog has done this already, unless it was killed.
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #createServer(options: PostgresServerOptions): Promise<PostgresServer> {
    this.#serverCount += 1;
    const directory = join(this.#directory, `server-${this.#serverCount}`);
    const [template, address] = await Promise.all([
      this.#getTemplate(options.major),
      chooseLoopbackAddress(),
    ]);
    const [certificate] = await Promise.all([
      this.#options.certificates.issue([address]),
      runCommand('cp', ['-a', '--reflink=auto', template.directory, directory], { account: undefined }),
    ]);
    await configurePasswordStorage(directory, options.passwordStorage);
    return new EmbeddedPostgresServer(options, {
      address,
      certificate,
      clientAddresses: this.#options.clientAddresses,
      findHold: this.#options.findHold ?? (() => undefined),
      minor: template.installation.minor,
      cluster: new Cluster(directory, template.installation, this.#clusterDeps),
    });
  }

  #getTemplate(major: string): Promise<TemplateCluster> {
    const known = this.#templates.get(major);
    if (known) return known;
    const template = createTemplate(major, this.#directory, this.#clusterDeps);
    this.#templates.set(major, template);
    return template;
  }
}
